//! Downloads that resume after interruptions.
//!
//! Bytes go to a partial file, which is kept when the connection breaks; the next attempt requests the rest from the
//! server (HTTP `Range`). If a server sends everything again, the file starts over.

use crate::error::DataError;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

/// Number of attempts per server, as long as each brings new bytes.
const ATTEMPTS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(10);

/// Called with the number of bytes so far and, if known, the total; breaking stops the download.
pub(super) type Watch<'a> = dyn FnMut(u64, Option<u64>) -> ControlFlow<()> + 'a;

/// Downloads `url` to the file `part`, of at most `limit` bytes, from the current end of `part`.
///
/// After [`DataError::Download`] and [`DataError::Interrupted`], the bytes in `part` can be reused.
pub(super) fn download(url: &str, part: &Path, limit: u64, watch: &mut Watch) -> Result<(), DataError> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_resolve(Some(PATIENCE))
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE));
    let agent = Agent::new_with_config(config.build());
    let mut attempt = 1;
    loop {
        let before = length(part);
        match continue_download(&agent, url, part, limit, watch) {
            Err(DataError::Download(_)) if attempt < ATTEMPTS && length(part) > before => attempt += 1,
            end => return end,
        }
    }
}

fn length(part: &Path) -> u64 {
    part.metadata().map_or(0, |m| m.len())
}

fn continue_download(agent: &Agent, url: &str, part: &Path, limit: u64, watch: &mut Watch) -> Result<(), DataError> {
    let there = length(part);
    let mut request = agent.get(url);
    if there > 0 {
        request = request.header(header::RANGE, format!("bytes={there}-"));
    }
    let response = request.call().map_err(|e| DataError::Download(e.to_string()))?;
    match response.status() {
        StatusCode::OK => receive(response, open(part, false)?, part, 0, limit, watch),
        StatusCode::PARTIAL_CONTENT if range_start(&response) == Some(there) => {
            receive(response, open(part, true)?, part, there, limit, watch)
        }
        // The server has no further bytes; the reader decides whether the existing ones are correct.
        StatusCode::RANGE_NOT_SATISFIABLE if there > 0 => Ok(()),
        status => Err(DataError::Download(format!("the server answers {status}"))),
    }
}

fn open(part: &Path, append: bool) -> Result<File, DataError> {
    let mut options = OpenOptions::new();
    options.create(true).append(append).write(true).truncate(!append);
    options.open(part).map_err(|reason| DataError::Unreadable { path: part.into(), reason })
}

/// First byte of the range in a response: `Content-Range: bytes 100-199/200`.
fn range_start(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

/// Appends the body to `file`, which has `there` bytes.
fn receive(
    response: Response<Body>,
    mut file: File,
    part: &Path,
    mut there: u64,
    limit: u64,
    watch: &mut Watch,
) -> Result<(), DataError> {
    let total = response.body().content_length().map(|rest| rest + there);
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        if watch(there, total).is_break() {
            return Err(DataError::Interrupted);
        }
        let n = body.read(&mut buffer).map_err(|e| DataError::Download(e.to_string()))?;
        if n == 0 {
            return Ok(());
        }
        there += n as u64;
        if there > limit {
            let (found, expected) = ("more bytes from the server".into(), format!("at most {limit} bytes"));
            return Err(DataError::Unexpected { path: part.into(), found, expected });
        }
        file.write_all(&buffer[..n]).map_err(|reason| DataError::Unreadable { path: part.into(), reason })?;
    }
}
