//! [`ByteReader`]: little-endian fields from a stream whose length is known. Nothing is read or
//! allocated by a declared size before that size is compared with the bytes that are left.

use std::io::{self, BufReader, Read, Seek};

use super::error::GgufError;

/// Reads fields in order and knows where it is.
#[derive(Debug)]
pub(super) struct ByteReader<R> {
    inner: BufReader<R>,
    pos: u64,
    len: u64,
}

impl<R: Read + Seek> ByteReader<R> {
    /// A reader of `len` bytes from the beginning of `inner`.
    pub(super) fn new(inner: R, len: u64) -> Self {
        Self {
            inner: BufReader::with_capacity(256 * 1024, inner),
            pos: 0,
            // Offsets are handed to `seek`, which is signed; no file system has longer files.
            len: len.min(i64::MAX as u64),
        }
    }

    /// Offset of the next byte.
    pub(super) fn pos(&self) -> u64 {
        self.pos
    }

    /// Length of the whole file in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes that are left.
    pub(super) fn left(&self) -> u64 {
        self.len - self.pos
    }

    /// Fails unless `need` bytes are left.
    pub(super) fn expect(&self, need: u64, what: &str) -> Result<(), GgufError> {
        if need <= self.left() {
            return Ok(());
        }
        Err(GgufError::Truncated {
            what: what.to_owned(),
            offset: self.pos,
            need,
            left: self.left(),
        })
    }

    fn failed(&self, error: io::Error, need: u64, what: &str) -> GgufError {
        // The file shrank while it was read.
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return GgufError::Truncated {
                what: what.to_owned(),
                offset: self.pos,
                need,
                left: 0,
            };
        }
        GgufError::Io {
            path: what.into(),
            source: error,
        }
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], GgufError> {
        self.expect(N as u64, what)?;
        let mut bytes = [0; N];
        self.inner
            .read_exact(&mut bytes)
            .map_err(|error| self.failed(error, N as u64, what))?;
        self.pos += N as u64;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32, GgufError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &str) -> Result<u64, GgufError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// Replaces `into` by the next `len` bytes.
    pub(super) fn bytes(
        &mut self,
        len: u64,
        into: &mut Vec<u8>,
        what: &str,
    ) -> Result<(), GgufError> {
        self.expect(len, what)?;
        into.clear();
        into.resize(len as usize, 0);
        self.inner
            .read_exact(into)
            .map_err(|error| self.failed(error, len, what))?;
        self.pos += len;
        Ok(())
    }

    /// Steps over `len` bytes, which must be there.
    pub(super) fn skip(&mut self, len: u64, what: &str) -> Result<(), GgufError> {
        self.expect(len, what)?;
        // `expect` bounds len by the file length, which fits i64.
        self.inner
            .seek_relative(len as i64)
            .map_err(|error| self.failed(error, len, what))?;
        self.pos += len;
        Ok(())
    }
}
