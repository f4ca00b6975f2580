//! The programs, one per file.

pub mod analyze;
pub mod calibrate;
pub mod cite;
pub mod eval_lif;
pub mod eval_rate;
pub mod eval_spiking;
pub mod export_network;
pub mod gather;
pub mod get_data;
pub mod import_network;
pub mod inspect;
pub mod lambda_search;
pub mod make_trials;
pub mod report;
pub mod run;
pub mod sweep_lif;
pub mod train_rate;
pub mod train_spiking;
