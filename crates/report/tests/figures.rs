//! Every figure of the gallery: well formed, deterministic, with the ink that it should have; and bad data refused.

mod common;

use mdl_report::figures::{
    self, Confusion, ExampleDigits, MembraneTraces, Output, Raster, RateDistribution, SearchCurve, Sweep,
    TrainingCurve, Trajectory, Window, digits, membrane, output, raster, search, sweep, training, trajectory,
};
use mdl_report::{Figure, Look, Population, ReportError};
use resvg::{tiny_skia, usvg};

/// Colours of populations, of the first conditions and variants, of training, of scaling factors, and of answers.
const BLUE: [u8; 3] = [0x00, 0x72, 0xb2];
const VERMILLION: [u8; 3] = [0xd5, 0x5e, 0x00];
const GREEN: [u8; 3] = [0x00, 0x9e, 0x73];
const CONDITIONS: [[u8; 3]; 4] = [[0x33, 0x22, 0x88], [0xe6, 0x9f, 0x00], [0x56, 0xb4, 0xe9], [0xcc, 0x79, 0xa7]];
const VARIANTS: [[u8; 3]; 2] = [[0x5e, 0x3c, 0x99], [0xa6, 0x61, 0x1a]];
const TRAINING: [u8; 3] = [0x8c, 0x8c, 0x8c];
const FACTOR: [u8; 3] = [0xaa, 0x33, 0x77];
const STABLE: [u8; 3] = [0x21, 0x66, 0xac];
const UNSTABLE: [u8; 3] = [0xb2, 0x18, 0x2b];
const INK: [u8; 3] = [0x22, 0x22, 0x22];

fn pixels(figure: &Figure) -> tiny_skia::Pixmap {
    tiny_skia::Pixmap::decode_png(&figure.png(2.0).unwrap()).unwrap()
}

/// How many pixels have just this colour.
fn count(pixmap: &tiny_skia::Pixmap, [red, green, blue]: [u8; 3]) -> usize {
    let same = |p: &&tiny_skia::PremultipliedColorU8| (p.red(), p.green(), p.blue()) == (red, green, blue);
    pixmap.pixels().iter().filter(same).count()
}

/// Darkest value in a rectangle given in px of the SVG.
fn darkest(pixmap: &tiny_skia::Pixmap, (left, top, right, bottom): (u32, u32, u32, u32)) -> u8 {
    let at = |x, y| pixmap.pixel(2 * x, 2 * y).map_or(255, |p| p.green());
    (top..bottom).flat_map(|y| (left..right).map(move |x| at(x, y))).min().unwrap()
}

#[test]
fn figures_are_well_formed_and_the_same_every_time() {
    let (first, second) = (common::gallery().unwrap(), common::gallery().unwrap());
    for ((name, figure), (_, again)) in first.iter().zip(&second) {
        usvg::Tree::from_str(figure.svg(), &usvg::Options::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(figure, again, "{name}");
        assert_eq!(figure.png(1.0).unwrap(), again.png(1.0).unwrap(), "{name}");
        assert!(!figure.title().is_empty() && figure.description().ends_with('.'), "{name}: {}", figure.description());
        assert!(figure.svg().contains(&format!("<title>{}</title>", figure.title())), "{name}");
        // No identifiers and no references: several figures can stand in one document.
        assert!(!figure.svg().contains(" id=") && !figure.svg().contains("url("), "{name}");
        assert!(!figure.svg().contains("NaN") && !figure.svg().contains("inf"), "{name}");
    }
}

#[test]
fn every_figure_of_the_table_is_in_the_gallery() {
    let gallery = common::gallery().unwrap();
    for name in figures::names() {
        assert!(gallery.iter().any(|(other, _)| other.ends_with(&format!("-{name}"))), "{name}");
    }
}

#[test]
fn every_series_has_ink_in_its_colour() {
    let expected: [(&str, &[[u8; 3]]); 20] = [
        ("lif-evaluation-output", &[CONDITIONS[0], CONDITIONS[1]]),
        ("lif-evaluation-raster", &[BLUE, VERMILLION, GREEN]),
        ("spiking-evaluation-raster", &[INK]),
        ("raster-dense", &[INK]),
        ("lif-evaluation-rates", &[BLUE, VERMILLION, GREEN]),
        ("lif-evaluation-membrane", &[BLUE, VERMILLION, GREEN]),
        ("lif-search", &[INK, FACTOR]),
        ("rate-training", &[TRAINING, INK]),
        ("image-evaluation-confusion", &[INK]),
        ("sweep-sweep", &VARIANTS),
        ("spiking-evaluation-modes", &CONDITIONS),
        ("analysis-mode-space", &CONDITIONS),
        ("analysis-flow", &[STABLE]),
        ("analysis-fixed-points", &[STABLE, UNSTABLE]),
        ("analysis-continuation", &[STABLE, UNSTABLE]),
        ("analysis-removal", &VARIANTS),
        ("analysis-lesions", &[VARIANTS[0]]),
        ("analysis-choices", &VARIANTS),
        ("analysis-intervals", &[VARIANTS[0]]),
        ("analysis-switching", &VARIANTS),
    ];
    let gallery = common::gallery().unwrap();
    for (name, colours) in expected {
        let pixmap = pixels(&gallery.iter().find(|(other, _)| *other == name).unwrap().1);
        for colour in colours {
            assert!(count(&pixmap, *colour) > 30, "{name}: {colour:?}: {}", count(&pixmap, *colour));
        }
    }
}

#[test]
fn text_is_drawn_with_the_embedded_font() {
    // The fonts of the machine are never looked at, so this holds on a machine without any.
    let pixmap = pixels(&common::figure(&common::lif_evaluation(), "output"));
    let height = pixmap.height() / 2;
    for (what, area) in [
        ("title", (8, 6, 200, 26)),
        ("label of the time", (180, height - 20, 280, height - 4)),
        ("numbers of the time", (50, height - 38, 420, height - 26)),
        ("label of the output", (4, 100, 24, 240)),
        ("numbers of the output", (25, 60, 50, 240)),
    ] {
        assert!(darkest(&pixmap, area) < 100, "{what}");
    }
    // The margins are free: nothing is cut off.
    let (width, height) = (pixmap.width() / 2, pixmap.height() / 2);
    for edge in [(0, 0, width, 3), (0, height - 2, width, height), (0, 0, 3, height), (width - 2, 0, width, height)] {
        assert_eq!(darkest(&pixmap, edge), 255, "{edge:?}");
    }
}

#[test]
fn text_stays_text_and_is_escaped() {
    let figure =
        Confusion { title: "a < b & \"c\" $5 $6 \u{1}", classes: &["<x>"], counts: &[3] }.draw(Look::SCREEN).unwrap();
    let tree = usvg::roxmltree::Document::parse(figure.svg()).unwrap();
    let texts: Vec<_> = tree.descendants().filter(|n| n.has_tag_name("text")).filter_map(|n| n.text()).collect();
    assert!(texts.contains(&"a < b & \"c\" $5 $6"), "{texts:?}");
    assert!(texts.contains(&"<x>") && texts.contains(&"3"), "{texts:?}");
}

#[test]
fn a_pdf_has_the_size_and_the_fonts_of_the_figure() {
    for (name, artifact) in common::artifacts() {
        let drawn = figures::draw_as(&artifact, &figures::names(), Look::print(89.0).unwrap());
        for (figure, drawn) in drawn.figures {
            let pdf = drawn.pdf().unwrap();
            assert_eq!(pdf, drawn.pdf().unwrap(), "{name} {figure}");
            assert!(pdf.starts_with(b"%PDF-") && pdf.ends_with(b"%%EOF"), "{name} {figure}");
            let text = String::from_utf8_lossy(&pdf);
            for part in ["/FontFile2", "/ToUnicode", "+NotoSans", "/Type0"] {
                assert!(text.contains(part), "{name} {figure}: {part}");
            }
            // 89 mm are 252.28 pt.
            let width: f64 = text.split("/MediaBox [0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
            let whole = !["confusion"].contains(&figure);
            assert!(!whole || (width - 252.283).abs() < 0.05, "{name} {figure}: {width} pt");
        }
    }
}

#[test]
fn a_png_states_its_resolution() {
    let figure = common::figure(&common::lif(), "search");
    let decoder = png::Decoder::new(std::io::Cursor::new(figure.png_of_dpi(300.0).unwrap()));
    let reader = decoder.read_info().unwrap();
    let info = reader.info();
    let dims = info.pixel_dims.unwrap();
    // 300 per inch are 11811 per metre.
    assert_eq!((dims.xppu, dims.yppu, dims.unit), (11811, 11811, png::Unit::Meter));
    let mm = f64::from(info.width) / 11.811;
    assert!((mm - 94.46).abs() < 0.1, "{mm} mm");
}

/// In print a figure has a letter beside each panel, and no title.
#[test]
fn figures_in_print_have_letters_and_no_title() {
    let artifact = common::lif_evaluation();
    let print = |name: &str| {
        let drawn = figures::draw_as(&artifact, &[name], Look::print(183.0).unwrap());
        drawn.figures.into_iter().next().unwrap().1
    };
    let has = |figure: &Figure, text: &str| figure.svg().contains(&format!(">{text}<"));
    let raster = print("raster");
    assert!(["a", "b", "c", "d"].iter().all(|letter| has(&raster, letter)) && !has(&raster, "e"));
    assert!(!raster.svg().contains(">Spikes</text>") && raster.svg().contains("width=\"183mm\""));
    assert!(!has(&print("rates"), "a"), "a single panel");
    let screen = common::figure(&artifact, "raster");
    assert!(screen.svg().contains(">Spikes</text>") && !has(&screen, "a"));
}

/// Captions say what the marks are.
#[test]
fn captions_explain_the_marks() {
    for (name, figure) in common::gallery().unwrap() {
        assert!(figure.caption().ends_with('.') && figure.caption() != figure.description(), "{name}");
    }
    let caption = common::figure(&common::lif_evaluation(), "output").caption().to_owned();
    for part in
        ["mean ± SD over the trials", "NoGo (n = 40)", "Go (n = 40)", "Dashed: target", "response", "mean input"]
    {
        assert!(caption.contains(part), "{part}: {caption}");
    }
    let raster = common::figure(&common::lif_evaluation(), "raster").caption().to_owned();
    assert!(raster.contains("sorted by population") && raster.contains("before 0.5 ms"), "{raster}");
}

#[test]
fn many_spikes_make_a_small_file() {
    let count = 300_000;
    let bytes = common::dense_raster(count).unwrap().svg().len();
    assert!(bytes < 3 * count, "{bytes} bytes");
}

#[test]
fn a_png_has_the_asked_scale() {
    let figure = common::figure(&common::spiking_evaluation(), "modes");
    let size = |scale| {
        let pixmap = tiny_skia::Pixmap::decode_png(&figure.png(scale).unwrap()).unwrap();
        (pixmap.width(), pixmap.height())
    };
    assert_eq!((2 * size(1.0).0, 2 * size(1.0).1), size(2.0));
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e6] {
        assert!(matches!(figure.png(scale), Err(ReportError::Png(_))), "{scale}");
    }
}

/// The message of a refusal.
fn refusal(result: Result<Figure, ReportError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn bad_outputs_are_refused() {
    let mean: [f64; 2] = [0.0, 1.0];
    let condition = |mean, sd| output::Condition { label: "Go", mean, sd, target: None, rate_network: None };
    let draw = |time_ms: &[f64], conditions: &[output::Condition], windows: &[Window]| {
        refusal(Output { title: "", time_ms, conditions, windows, thresholds: &[] }.draw(Look::SCREEN))
    };
    let good = [condition(&mean, &[0.1, 0.1])];
    assert_eq!(draw(&[], &good, &[]), "output over time: no step to draw");
    assert_eq!(draw(&[0.0, 5.0], &[], &[]), "output over time: no condition to draw");
    assert_eq!(
        draw(&[0.0, 5.0], &[condition(&mean, &[0.1])], &[]),
        "output over time: sd of Go: found 1 values, expected 2"
    );
    assert_eq!(
        draw(&[0.0, 5.0], &[condition(&[0.0, f64::NAN], &[0.0, 0.0])], &[]),
        "output over time: mean of Go: value 1 is NaN, expected a finite number"
    );
    assert!(draw(&[0.0, 5.0], &[condition(&mean, &[0.1, -0.1])], &[]).contains("sd of Go: found -0.1"));
    assert!(draw(&[5.0, 0.0], &good, &[]).contains("ascending"));
    let window = Window { label: "response", from_ms: 3.0, to_ms: 3.0 };
    assert!(draw(&[0.0, 5.0], &good, &[window]).contains("window response: found 3..3 ms"));
}

#[test]
fn bad_spikes_and_rates_are_refused() {
    let draw = |duration_ms, time_ms: &[f64], unit: &[u32], rate_bin_ms| {
        let populations = [Population::Excitatory; 2];
        let trials = [raster::Trial { label: "Go", time_ms, unit, windows: &[], end_ms: None }];
        let (populations, trials, windows) = (&populations[..], &trials[..], &[][..]);
        let stimulus = None;
        Raster {
            title: "",
            duration_ms,
            populations,
            trials,
            stimulus,
            windows,
            rate_bin_ms,
            unit_rates: true,
            counted_from_ms: 0.0,
        }
        .draw(Look::SCREEN)
    };
    assert!(draw(10.0, &[0.0, 10.0], &[0, 1], Some(5.0)).is_ok());
    assert!(draw(10.0, &[], &[], Some(30.0)).is_ok(), "a silent network is no error");
    assert!(refusal(draw(10.0, &[1.0], &[2], None)).contains("found 2, expected a unit below 2"));
    assert!(refusal(draw(10.0, &[1.0], &[], None)).contains("found 0 values, expected 1"));
    assert!(refusal(draw(10.0, &[11.0], &[0], None)).contains("found 11, expected 0 to 10 ms"));
    assert!(refusal(draw(10.0, &[f64::NAN], &[0], None)).contains("NaN"));
    assert!(refusal(draw(0.0, &[], &[], None)).contains("duration"));
    assert!(refusal(draw(10.0, &[], &[], Some(0.0))).contains("bin"));
    assert!(draw(10.0, &[], &[], Some(1e-9)).is_ok(), "too many bins are made wider");
    let rates = |rates_hz: &[f64]| {
        refusal(RateDistribution { title: "", rates_hz, populations: &[Population::Unsigned] }.draw(Look::SCREEN))
    };
    assert!(rates(&[]).contains("no unit"));
    assert!(rates(&[1.0, 2.0]).contains("populations: found 1 values, expected 2"));
    assert!(rates(&[-1.0]).contains("found -1"));
}

#[test]
fn bad_potentials_and_ways_are_refused() {
    let draw = |time_ms: &[f64], potential: &[f64], spikes_ms: &[f64]| {
        let population = Population::Inhibitory;
        let threshold = Some(membrane::Threshold::Moving(potential));
        let traces = [membrane::Trace { label: "unit 1", population, potential, spikes_ms, threshold }];
        let potential_unit = membrane::PotentialUnit::Dimensionless;
        let (traces, windows) = (&traces[..], &[][..]);
        MembraneTraces { title: "", time_ms, potential_unit, traces, windows }.draw(Look::SCREEN)
    };
    assert!(draw(&[0.0], &[0.5], &[]).is_ok());
    assert!(refusal(draw(&[], &[], &[])).contains("no step"));
    assert!(refusal(draw(&[0.0], &[], &[])).contains("potential of unit 1"));
    assert!(refusal(draw(&[0.0], &[0.0], &[f64::INFINITY])).contains("spikes of unit 1"));
    let way = |x, y| {
        refusal(
            Trajectory {
                title: "",
                x_label: "",
                y_label: "",
                of: "trials",
                paths: &[trajectory::Path { label: "a", condition: 0, x, y }],
            }
            .draw(Look::SCREEN),
        )
    };
    assert!(way(&[], &[]).contains("no step of a"));
    assert!(way(&[1.0], &[]).contains("second coordinate of a"));
    assert!(way(&[f64::NAN], &[0.0]).contains("first coordinate of a"));
}

#[test]
fn bad_searches_and_sweeps_are_refused() {
    let draw = |performance, interval| {
        let candidate = search::Candidate { scaling_factor: 20.0, performance, interval, rate_hz: 1.0 };
        SearchCurve { title: "", candidates: &[candidate], chosen: None, predicted: None, criterion: None }
            .draw(Look::SCREEN)
    };
    assert!(draw(0.5, (0.4, 0.6)).is_ok(), "one factor is enough");
    assert!(refusal(draw(0.7, (0.4, 0.6))).contains("performance 0: found 0.7 in [0.4, 0.6]"));
    assert!(refusal(draw(f64::NAN, (0.4, 0.6))).contains("NaN"));
    let sweep = |points: &[sweep::Point]| {
        let variants = &[sweep::Variant { label: "a", points }][..];
        Sweep { title: "", parameter_label: "x", performance_label: "y", variants, reference: None }.draw(Look::SCREEN)
    };
    let point = |parameter| sweep::Point { parameter, performance: 0.5, interval: (0.5, 0.5), networks: Vec::new() };
    let with = |networks| sweep(&[sweep::Point { networks, ..point(1.0) }]);
    assert!(with(vec![0.2, 0.8]).is_ok());
    assert!(refusal(with(vec![f64::NAN])).contains("performance of a"));
    assert!(sweep(&[point(1e-3), point(1e3)]).is_ok(), "a wide parameter");
    assert!(refusal(sweep(&[])).contains("no point of a"));
    assert!(refusal(sweep(&[point(f64::INFINITY)])).contains("parameters of a"));
}

#[test]
fn bad_courses_are_refused_and_gaps_are_not() {
    let draw = |points: &[(f64, f64)]| {
        TrainingCurve {
            title: "",
            losses: &[training::Course { label: "training", points }],
            loss_criterion: None,
            performance_label: "Accuracy",
            performances: &[],
            performance_criterion: None,
        }
        .draw(Look::SCREEN)
    };
    assert!(draw(&[(0.0, f64::NAN), (1.0, 3.0), (2.0, f64::INFINITY)]).is_ok(), "a run that diverges");
    assert!(draw(&[(0.0, 0.0), (1.0, -3.0)]).is_ok(), "losses that no logarithm has");
    assert!(draw(&[(0.0, 1e-9), (1.0, 1e9)]).is_ok());
    assert!(refusal(draw(&[(0.0, f64::NAN)])).contains("no value of training"));
    assert!(refusal(draw(&[(f64::NAN, 1.0)])).contains("updates of training"));
}

#[test]
fn bad_classes_and_images_are_refused() {
    assert!(refusal(Confusion { title: "", classes: &[], counts: &[] }.draw(Look::SCREEN)).contains("no class"));
    let counts = refusal(Confusion { title: "", classes: &["0", "1"], counts: &[1, 2] }.draw(Look::SCREEN));
    assert_eq!(counts, "confusion matrix: counts: found 2 values, expected 4");
    let draw = |side, pixels: &[f32]| {
        let digits = [digits::Digit { pixels, true_class: "1", predicted_class: "1" }];
        ExampleDigits { title: "", side, digits: &digits }.draw(Look::SCREEN)
    };
    assert!(draw(1, &[1.0]).is_ok());
    assert!(refusal(draw(2, &[1.0])).contains("image 0: found 1 values, expected 4"));
    assert!(refusal(draw(1, &[1.5])).contains("found 1.5"));
    assert!(refusal(draw(1, &[f32::NAN])).contains("NaN"));
    assert!(refusal(draw(0, &[])).contains("side"));
}

#[test]
fn extreme_values_do_not_break_a_figure() {
    for value in [0.0, 1e-300, -1e300, 1e300, 1e15, f64::MAX] {
        let conditions = [output::Condition {
            label: "a",
            mean: &[value, value],
            sd: &[0.0, 0.0],
            target: None,
            rate_network: None,
        }];
        let figure = Output { title: "", time_ms: &[0.0, 1.0], conditions: &conditions, windows: &[], thresholds: &[] };
        let svg = figure.draw(Look::SCREEN).unwrap().svg().to_owned();
        assert!(svg.len() < 100_000, "{value}: {} bytes", svg.len());
        assert!(usvg::Tree::from_str(&svg, &usvg::Options::default()).is_ok(), "{value}");
        assert!(!svg.contains("NaN"), "{value}: {svg}");
    }
}

/// Every figure at its smallest: one unit, one trial, one step, one of everything.
#[test]
fn one_of_everything_is_drawn() {
    let (time_ms, value) = ([1.0], [0.5]);
    let trace = membrane::Trace {
        label: "unit 0",
        population: Population::Unsigned,
        potential: &value,
        spikes_ms: &[1.0],
        threshold: None,
    };
    let condition =
        output::Condition { label: "Go", mean: &value, sd: &[0.0], target: Some(&value), rate_network: None };
    let candidate = search::Candidate { scaling_factor: 3.0, performance: 0.0, interval: (0.0, 1.0), rate_hz: 0.0 };
    let point = sweep::Point { parameter: 0.0, performance: 1.0, interval: (0.2, 1.0), networks: Vec::new() };
    let course = training::Course { label: "training", points: &[(1.0, 0.5)] };
    let figures = [
        potentials(&time_ms, &[trace]).draw(Look::SCREEN),
        Output { title: "t", time_ms: &time_ms, conditions: &[condition], windows: &[], thresholds: &[] }
            .draw(Look::SCREEN),
        Raster {
            title: "t",
            duration_ms: 1.0,
            populations: &[Population::Unsigned],
            trials: &[raster::Trial { label: "Go", time_ms: &[1.0], unit: &[0], windows: &[], end_ms: None }],
            stimulus: None,
            windows: &[],
            rate_bin_ms: Some(20.0),
            unit_rates: true,
            counted_from_ms: 0.0,
        }
        .draw(Look::SCREEN),
        RateDistribution { title: "t", rates_hz: &[0.0], populations: &[Population::Unsigned] }.draw(Look::SCREEN),
        SearchCurve { title: "t", candidates: &[candidate], chosen: Some(3.0), predicted: None, criterion: None }
            .draw(Look::SCREEN),
        Sweep {
            title: "t",
            parameter_label: "x",
            performance_label: "Performance",
            variants: &[sweep::Variant { label: "v", points: &[point] }],
            reference: None,
        }
        .draw(Look::SCREEN),
        TrainingCurve {
            title: "t",
            losses: &[course],
            loss_criterion: None,
            performance_label: "Performance",
            performances: &[course],
            performance_criterion: None,
        }
        .draw(Look::SCREEN),
        Trajectory {
            title: "t",
            x_label: "Mode 0",
            y_label: "Mode 1",
            of: "trials",
            paths: &[trajectory::Path { label: "Go", condition: 0, x: &value, y: &value }],
        }
        .draw(Look::SCREEN),
    ];
    for (index, figure) in figures.into_iter().enumerate() {
        let figure = figure.unwrap_or_else(|error| panic!("{index}: {error}"));
        assert!(!figure.svg().contains("NaN") && !figure.svg().contains("inf"), "{index}");
        figure.png(2.0).unwrap();
    }
}

fn potentials<'a>(time_ms: &'a [f64], traces: &'a [membrane::Trace<'a>]) -> MembraneTraces<'a> {
    let potential_unit = membrane::PotentialUnit::Millivolt;
    MembraneTraces { title: "t", time_ms, potential_unit, traces, windows: &[] }
}

/// Figures of very many units, trials, steps and variants show a part, and say so.
#[test]
fn what_is_too_large_is_drawn_in_part() {
    let time_ms: Vec<f64> = (0..10_000).map(f64::from).collect();
    let labels: Vec<String> = (0..5000).map(|unit| format!("unit {unit}")).collect();
    let population = Population::Unsigned;
    let trace = |label| membrane::Trace {
        label,
        population,
        potential: &time_ms,
        spikes_ms: &time_ms,
        threshold: Some(membrane::Threshold::Fixed(1.0)),
    };
    let traces: Vec<_> = labels.iter().map(|label| trace(label)).collect();
    let figure = potentials(&time_ms, &traces).draw(Look::SCREEN).unwrap();
    let note = format!("The first {} of 5000 recorded units.", membrane::MOST_UNITS);
    assert!(figure.svg().contains(&note) && figure.description().contains(&note), "{}", figure.description());
    assert!(figure.svg().contains(">unit 31<") && !figure.svg().contains(">unit 32<"));
    figure.png(2.0).unwrap();
    let all = potentials(&time_ms, &traces[..membrane::MOST_UNITS]).draw(Look::SCREEN).unwrap();
    assert!(!all.svg().contains("The first"));

    let trial = raster::Trial { label: "Go", time_ms: &[1e9], unit: &[9_999], windows: &[], end_ms: None };
    let raster = Raster {
        title: "t",
        duration_ms: 1e9,
        populations: &[population; 10_000],
        trials: &vec![trial; 3000],
        stimulus: None,
        windows: &[],
        rate_bin_ms: Some(20.0),
        unit_rates: true,
        counted_from_ms: 0.0,
    };
    let figure = raster.draw(Look::SCREEN).unwrap();
    assert!(figure.svg().contains("The first 8 of 3000 recorded trials."));
    figure.png(2.0).unwrap();

    let points = [sweep::Point { parameter: 0.0, performance: 1.0, interval: (0.2, 1.0), networks: Vec::new() }];
    let variants: Vec<_> = labels.iter().map(|label| sweep::Variant { label, points: &points }).collect();
    let sweep =
        Sweep { title: "t", parameter_label: "x", performance_label: "P", variants: &variants, reference: None };
    let figure = sweep.draw(Look::SCREEN).unwrap();
    assert!(figure.svg().contains("The first 40 of 5000 entries of the legend."));
    figure.png(2.0).unwrap();
    let title = "very long ".repeat(5000);
    let high = Sweep { title: &title, variants: &variants[..1], ..sweep }.draw(Look::SCREEN).unwrap();
    assert!(matches!(high.png(2.0), Err(ReportError::Png(_))), "a title of a thousand lines");
    high.png_of_dpi(300.0).unwrap();
}
