//! Archives of conda that are written down before they are unpacked: what they
//! become can only be known from all of them.

use std::{
    io::{self, BufReader, Read},
    path::Path,
};

use bzip2::read::BzDecoder;
use fs_err::File;
use rattler_digest::{Md5, Sha256, compute_file_digest};
use rattler_package_streaming::{ExtractError, ExtractResult, fs, read};
use tokio::io::AsyncRead;
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::{ahead::Frames, limit::Limit, wheel::receive};

/// Unpacks a `.conda` of which the sizes stand behind the data.
pub(super) async fn conda(
    reader: impl AsyncRead + Unpin,
    directory: &Path,
    limit: &Limit,
) -> Result<ExtractResult, ExtractError> {
    let archive = receive(reader, directory).await?;
    let (directory, limit) = (directory.to_path_buf(), limit.clone());
    blocking(move || {
        let mut members = ZipArchive::new(BufReader::new(File::open(&archive)?))?;
        let mut frames = 0_u64;
        for index in 0..members.len() {
            let mut member = members.by_index(index)?;
            if member.name_raw().windows(8).any(|part| part == b".tar.zst") {
                let mut tar = Frames::default();
                io::copy(&mut member, &mut tar)?;
                frames = frames.saturating_add(tar.bytes);
                limit.check(frames)?;
            }
        }
        read::extract_conda_via_buffering(File::open(&archive)?, &directory)
    })
    .await
}

/// Unpacks a `.tar.bz2`, by way of a `.conda`: its tar is counted while it is taken out of
/// one compression and put into another, and only then unpacked.
pub(super) async fn tar_bz2(
    reader: impl AsyncRead + Unpin,
    directory: &Path,
    limit: &Limit,
) -> Result<ExtractResult, ExtractError> {
    let archive = receive(reader, directory).await?;
    let (directory, limit) = (directory.to_path_buf(), limit.clone());
    blocking(move || {
        let bytes = BufReader::new(File::open(&archive)?);
        let mut tar = Counted {
            reader: BzDecoder::new(bytes),
            bytes: 0,
            limit,
        };
        let beside = directory.parent().unwrap_or(&directory);
        let other = tempfile::Builder::new()
            .prefix(".gpuenv-tar-")
            .suffix(".conda")
            .tempfile_in(beside)?;
        let mut members = ZipWriter::new(other.as_file());
        // Of unknown length, so the sizes are of those that fit everything.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(true);
        members.start_file("pkg-.tar.zst", options)?;
        zstd::stream::copy_encode(&mut tar, &mut members, 1)?;
        members.finish()?;
        // What stands behind the tar must be whole, too.
        io::copy(&mut tar.reader.into_inner(), &mut io::sink())?;
        fs::extract_conda(other.path(), &directory)?;
        Ok(ExtractResult {
            sha256: compute_file_digest::<Sha256>(&archive)?,
            md5: compute_file_digest::<Md5>(&archive)?,
            total_size: fs_err::metadata(&archive)?.len(),
        })
    })
    .await
}

async fn blocking(
    work: impl FnOnce() -> Result<ExtractResult, ExtractError> + Send + 'static,
) -> Result<ExtractResult, ExtractError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(ExtractError::Cancelled))
}

/// Counts what is read, up to what is allowed.
struct Counted<R> {
    reader: R,
    bytes: u64,
    limit: Limit,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.bytes = self.bytes.saturating_add(length as u64);
        self.limit.check(self.bytes)?;
        Ok(length)
    }
}
