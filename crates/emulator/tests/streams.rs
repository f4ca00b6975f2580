//! Random numbers that kernels draw are those of the CPU, bit for bit.

use mdl_data::encode::bernoulli;
use mdl_device::Backend;
use mdl_device::random::{Channels, StreamKey, normal};
use mdl_emulator::Emulator;
use mdl_kernels::random::{Purpose, fill_normal};

#[test]
fn normal_numbers_have_the_bits_of_the_cpu() {
    let Some(machine) = Emulator::new() else { return };
    for (seed, index, count) in [(1, 0, 1), (7 << 40, 3, 100_000), (2, 5 << 33, 64), (3, 1, 4097)] {
        let key = StreamKey { seed, purpose: Purpose::TrainingNoise as u32, index };
        let found = machine.download(&normal(&machine, key, 0.3, count).unwrap()).unwrap();
        let mut expected = vec![0f32; count];
        fill_normal(seed, Purpose::TrainingNoise, index, 0, 0.3, &mut expected);
        let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert!(bits(&found) == bits(&expected), "{count} numbers");
    }
}

/// Every channel of the CPU's spikes, silent ones left out, as the kernel draws it.
#[test]
fn bernoulli_spikes_are_those_of_the_cpu() {
    let Some(machine) = Emulator::new() else { return };
    let (seed, steps, keys) = (9u64, 150, [4u64, 11 << 35, 12]);
    let row: Vec<f32> = (0..40).map(|k| [0.0, 1.0, 0.5, 1.0 / 255.0, 0.3][k % 5]).collect();
    let expected = bernoulli(&[&row[..]; 3].concat(), 40, steps, seed, &keys).unwrap();
    let mut channels = Channels::default();
    let mut names = Vec::new();
    for (trial, key) in keys.iter().enumerate() {
        let mut drawn = 0;
        for (k, p) in row.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            names.push((trial, k as u32));
            channels.keys.push([*key as u32, (*key >> 32) as u32]);
            channels.probability.push((p * 65536.0).round() as u32);
            channels.drawn.push(drawn);
            drawn += u32::from(*p < 1.0);
        }
    }
    let purpose = Purpose::Encoding as u32;
    let raster = mdl_device::random::bernoulli(&machine, (seed, purpose), &channels, steps).unwrap();
    let raster = machine.download(&raster).unwrap();
    let words = expected.words();
    let mut seen = [0; 3];
    for ((trial, channel), pairs) in names.iter().zip(raster.chunks_exact(2 * words)) {
        let bits: Vec<u64> = pairs.chunks_exact(2).map(|w| u64::from(w[0]) | u64::from(w[1]) << 32).collect();
        let own = expected.trial(*trial);
        match own.active.iter().position(|k| k == channel) {
            Some(at) => assert_eq!(bits, own.raster[at * words..(at + 1) * words], "trial {trial}, channel {channel}"),
            None => assert!(bits.iter().all(|word| *word == 0), "trial {trial}, channel {channel} fires"),
        }
        seen[*trial] += usize::from(own.active.contains(channel));
    }
    assert_eq!(seen, [0, 1, 2].map(|trial| expected.trial(trial).active.len()));
}
