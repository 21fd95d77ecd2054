//! How much a `.conda` archive is going to become, known before it is unpacked.
//!
//! Its two layers say so in their headers: a zip archive (APPNOTE 4.3.7) holds tars
//! that are compressed by Zstandard (RFC 8878), and each block of those becomes
//! what its header says, or 128 KiB at most.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

use super::limit::Limit;

/// What a compressed block becomes at most.
const BLOCK: u64 = 128 << 10;

/// The longest name of a member, with what stands behind it.
const LONGEST: usize = 128 << 10;

/// The archive is written in another way than such archives are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be seen through while it arrives")]
pub(super) struct Opaque;

/// Hands on the bytes of an archive, unless it becomes more than it may.
pub(super) struct Ahead<R> {
    reader: R,
    archive: Archive,
    limit: Limit,
}

impl<R> Ahead<R> {
    pub(super) fn new(reader: R, limit: Limit) -> Self {
        Self {
            reader,
            archive: Archive::default(),
            limit,
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Ahead<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.reader).poll_read(context, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        let seen = self.archive.take(new).map_err(io::Error::other);
        let checked = seen.and_then(|()| self.limit.check(self.archive.bytes()));
        if checked.is_err() {
            // Who fails hands nothing on.
            buffer.set_filled(before);
        }
        Poll::Ready(checked)
    }
}

/// Bytes that are gathered until there are enough of them, and others that are left out.
#[derive(Debug)]
struct Gathered {
    skip: u64,
    want: usize,
    bytes: Vec<u8>,
}

impl Gathered {
    fn new(want: usize) -> Self {
        Self {
            skip: 0,
            want,
            bytes: Vec::new(),
        }
    }

    /// Takes what is needed; returns what was wanted as soon as it is there.
    fn take(&mut self, data: &mut &[u8]) -> Option<Vec<u8>> {
        let left_out = usize::try_from(self.skip)
            .unwrap_or(usize::MAX)
            .min(data.len());
        self.skip -= left_out as u64;
        *data = data.get(left_out..).unwrap_or_default();
        let missing = self.want.saturating_sub(self.bytes.len()).min(data.len());
        let (new, rest) = data.split_at(missing);
        if self.skip == 0 {
            self.bytes.extend_from_slice(new);
            *data = rest;
        }
        let is_whole = self.skip == 0 && self.bytes.len() == self.want;
        is_whole.then(|| std::mem::take(&mut self.bytes))
    }
}

fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let part = bytes.get(at..at.checked_add(length)?)?;
    let digits = part.iter().rev();
    Some(digits.fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// Where in the zip archive the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Head,
    /// The name of a member, of that length, of which so much is stored so.
    Name {
        name: usize,
        size: u64,
        is_stored: bool,
    },
    /// A compressed tar of which so many bytes are to come.
    Tar(u64),
    /// Behind all members.
    End,
}

/// A `.conda` archive.
#[derive(Debug)]
struct Archive {
    at: At,
    gathered: Gathered,
    tar: Frames,
    /// What the tars become that are complete.
    bytes: u64,
}

impl Default for Archive {
    fn default() -> Self {
        Self {
            at: At::Head,
            gathered: Gathered::new(30),
            tar: Frames::default(),
            bytes: 0,
        }
    }
}

impl Archive {
    fn bytes(&self) -> u64 {
        self.bytes.saturating_add(self.tar.bytes)
    }

    fn take(&mut self, mut data: &[u8]) -> Result<(), Opaque> {
        while !data.is_empty() {
            match self.at {
                At::End => return Ok(()),
                At::Tar(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
                    let (tar, rest) = data.split_at(here);
                    self.tar.take(tar)?;
                    data = rest;
                    self.at = At::Tar(left - here as u64);
                    if left == here as u64 {
                        self.bytes = self.bytes();
                        self.tar = Frames::default();
                        self.next(At::Head, 30, 0);
                    }
                }
                At::Head => {
                    if let Some(head) = self.gathered.take(&mut data) {
                        self.head(&head)?;
                    }
                }
                At::Name {
                    name,
                    size,
                    is_stored,
                } => {
                    if let Some(text) = self.gathered.take(&mut data) {
                        self.member(&text, name, size, is_stored)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn next(&mut self, at: At, want: usize, skip: u64) {
        self.at = at;
        self.gathered = Gathered::new(want);
        self.gathered.skip = skip;
    }

    fn head(&mut self, head: &[u8]) -> Result<(), Opaque> {
        let field = |at, length| number(head, at, length).ok_or(Opaque);
        match field(0, 4)? {
            0x0403_4b50 => {}
            // The list of all members, its end, or what the unpacking stops at as well.
            _ => {
                self.at = At::End;
                return Ok(());
            }
        }
        // Encrypted, or with the sizes behind the data.
        if field(6, 2)? & 0b1001 != 0 {
            return Err(Opaque);
        }
        let name = field(26, 2)? as usize;
        let at = At::Name {
            name,
            size: field(18, 4)?,
            is_stored: field(8, 2)? == 0,
        };
        let want = name + field(28, 2)? as usize;
        if want == 0 || want > LONGEST {
            return Err(Opaque);
        }
        self.next(at, want, 0);
        Ok(())
    }

    fn member(
        &mut self,
        text: &[u8],
        name: usize,
        size: u64,
        is_stored: bool,
    ) -> Result<(), Opaque> {
        let (name, extra) = text.split_at_checked(name).ok_or(Opaque)?;
        let size = match size {
            0xffff_ffff => long_size(extra).ok_or(Opaque)?,
            size => size,
        };
        let ends = b".tar.zst";
        let is_tar = name.windows(ends.len()).any(|part| part == ends);
        match (is_tar, is_stored) {
            (true, false) => return Err(Opaque),
            (true, true) if size > 0 => self.at = At::Tar(size),
            (_, _) => self.next(At::Head, 30, size),
        }
        Ok(())
    }
}

/// Returns the stored size of a member of more than 4 GiB: behind the unpacked one.
fn long_size(mut extra: &[u8]) -> Option<u64> {
    loop {
        let length = number(extra, 2, 2)? as usize;
        if number(extra, 0, 2)? == 1 {
            return number(extra, 12, 8);
        }
        extra = extra.get(4 + length..)?;
    }
}

/// What of Zstandard the next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Magic,
    /// The length of a frame that is to be left out.
    LeftOut,
    Descriptor,
    Block,
}

/// A tar compressed by Zstandard: frames of blocks.
#[derive(Debug)]
pub(super) struct Frames {
    step: Step,
    gathered: Gathered,
    has_checksum: bool,
    /// What all blocks so far become, at most.
    pub(super) bytes: u64,
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            step: Step::Magic,
            gathered: Gathered::new(4),
            has_checksum: false,
            bytes: 0,
        }
    }
}

impl Frames {
    pub(super) fn take(&mut self, mut data: &[u8]) -> Result<(), Opaque> {
        while !data.is_empty() {
            if let Some(bytes) = self.gathered.take(&mut data) {
                self.advance(&bytes)?;
            }
        }
        Ok(())
    }

    fn next(&mut self, step: Step, want: usize, skip: u64) {
        self.step = step;
        self.gathered = Gathered::new(want);
        self.gathered.skip = skip;
    }

    fn advance(&mut self, bytes: &[u8]) -> Result<(), Opaque> {
        let value = number(bytes, 0, bytes.len()).ok_or(Opaque)?;
        match self.step {
            Step::Magic => match value {
                0xfd2f_b528 => self.next(Step::Descriptor, 1, 0),
                0x184d_2a50..=0x184d_2a5f => self.next(Step::LeftOut, 4, 0),
                _ => return Err(Opaque),
            },
            Step::LeftOut => self.next(Step::Magic, 4, value),
            Step::Descriptor => {
                let is_single = value & 0x20 != 0;
                let size = match value >> 6 {
                    0 => u64::from(is_single),
                    1 => 2,
                    2 => 4,
                    _ => 8,
                };
                let dictionary = [0, 1, 2, 4].get(value as usize & 3).copied();
                let window = u64::from(!is_single);
                self.has_checksum = value & 4 != 0;
                self.next(Step::Block, 3, size + dictionary.unwrap_or(0) + window);
            }
            Step::Block => {
                let size = value >> 3;
                let (becomes, stored) = match value >> 1 & 3 {
                    0 => (size, size),
                    1 => (size, 1),
                    2 => (BLOCK, size),
                    _ => return Err(Opaque),
                };
                self.bytes = self.bytes.saturating_add(becomes);
                match value & 1 {
                    0 => self.next(Step::Block, 3, stored),
                    _ => {
                        let checksum = if self.has_checksum { 4 } else { 0 };
                        self.next(Step::Magic, 4, stored + checksum);
                    }
                }
            }
        }
        Ok(())
    }
}

impl io::Write for Frames {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.take(data).map_err(io::Error::other)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..length).map(|_| byte()).collect()
    }

    fn archive(members: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            let options = SimpleFileOptions::default().compression_method(method);
            archive.start_file(*name, options).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    fn counted(bytes: &[u8], at_once: usize) -> Result<u64, Opaque> {
        let mut archive = Archive::default();
        for part in bytes.chunks(at_once) {
            archive.take(part)?;
        }
        Ok(archive.bytes())
    }

    #[test]
    fn what_an_archive_becomes_is_known_from_its_headers() {
        for level in [-3, 1, 19] {
            let packed = |bytes: &[u8]| zstd::encode_all(bytes, level).unwrap();
            let zeros = vec![0; 3_000_000];
            let both = [packed(&zeros), packed(&noise(300_000))].concat();
            let members = [
                ("metadata.json", b"{}".to_vec()),
                ("pkg-x-1-0.tar.zst", both),
                ("info-x-1-0.tar.zst", packed(b"a few words")),
            ];
            let bytes = archive(&members, CompressionMethod::Stored);
            let exact = 3_300_011;
            let count = counted(&bytes, bytes.len()).unwrap();
            // Each frame ends with a block that may be short.
            assert!(
                (exact..exact + 4 * BLOCK).contains(&count),
                "{level}: {count}"
            );
            for at_once in [1, 7, 4096] {
                assert_eq!(counted(&bytes, at_once), Ok(count));
            }
        }
    }

    #[tokio::test]
    async fn a_bomb_is_refused_before_a_byte_of_it_is_handed_on() {
        let zeros = zstd::encode_all(vec![0; 30_000_000].as_slice(), 19).unwrap();
        let bytes = archive(&[("pkg-x.tar.zst", zeros)], CompressionMethod::Stored);
        let received = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(bytes.len() as u64));
        let read = async |least| {
            let limit = Limit {
                least,
                received: received.clone(),
            };
            let mut read = Vec::new();
            let mut ahead = Ahead::new(bytes.as_slice(), limit);
            let result = tokio::io::AsyncReadExt::read_to_end(&mut ahead, &mut read).await;
            (result.is_ok(), read.len())
        };
        assert_eq!(read(31_000_000).await, (true, bytes.len()));
        assert!(!read(1_000_000).await.0);
    }

    #[test]
    fn what_cannot_be_seen_through_is_said() {
        let packed = zstd::encode_all(b"text".as_slice(), 3).unwrap();
        let hidden = [("pkg-x.tar.zst", packed.clone())];
        let deflated = archive(&hidden, CompressionMethod::Deflated);
        assert_eq!(counted(&deflated, 100), Err(Opaque));
        // Nobody unpacks what is no archive.
        assert_eq!(counted(&[b'x'; 100], 100), Ok(0));
        let other = [("pkg-x.tar.zst", b"no Zstandard".to_vec())];
        let other = archive(&other, CompressionMethod::Stored);
        assert_eq!(counted(&other, 100), Err(Opaque));
        // Only what such an archive is unpacked from counts.
        let readme = [("readme", b"no Zstandard".to_vec()), ("a.tar.zst", packed)];
        let readme = archive(&readme, CompressionMethod::Stored);
        assert_eq!(counted(&readme, 3), Ok(4));
    }
}
