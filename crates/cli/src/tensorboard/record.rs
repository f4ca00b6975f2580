//! Frame of a record in an event file.
//!
//! ```text
//! record = length u64, masked(length), data, masked(data)        all little-endian
//! masked(bytes) = rotate right(CRC-32C(bytes), 15) + 0xa282ead8
//! ```

/// CRC-32C (Castagnoli), reflected.
const POLYNOMIAL: u32 = 0x82f6_3b78;
const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let (mut table, mut byte) = ([0; 256], 0);
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u32, 0);
        while bit < 8 {
            crc = (crc >> 1) ^ (POLYNOMIAL * (crc & 1));
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// A record with this data.
pub fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length, masked(&length).as_slice(), data, &masked(data)].concat()
}

/// Data of the records of a file, up to the first incomplete or damaged frame.
pub fn records(file: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut found) = (file, Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<8>() {
        let size = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some((check, body)) = after.split_first_chunk::<4>() else { break };
        let Some((data, body)) = body.split_at_checked(size) else { break };
        let Some((sum, next)) = body.split_first_chunk::<4>() else { break };
        if *check != masked(length) || *sum != masked(data) {
            break;
        }
        found.push(data);
        rest = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_of_known_data() {
        // RFC 3720, appendix B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_frame_is_read_back_and_a_damaged_one_is_not() {
        let mut file = [framed(b"one"), framed(b""), framed(b"three")].concat();
        assert_eq!(records(&file), [b"one".as_slice(), b"", b"three"]);
        let last = file.len() - 5;
        file[last] ^= 1;
        assert_eq!(records(&file), [b"one".as_slice(), b""]);
    }
}
