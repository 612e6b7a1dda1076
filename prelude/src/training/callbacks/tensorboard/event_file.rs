//! TensorBoard's files: records of protocol buffers with checksums.
//!
//! What is recorded when is `mod.rs`; here is how it is written. Two dozen fields of four messages
//! are all it takes, so they are written by hand.
//!
//! # Source
//! tensorflow/tensorflow: core/lib/io/record_writer.h (the framing), core/lib/hash/crc32c.h (the
//! mask), core/util/event.proto, core/framework/summary.proto (the fields and their numbers).

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Error, Result};

/// A file of events, which TensorBoard finds by its name in a log folder.
pub(super) struct EventFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl EventFile {
    /// Creates the folder and a new file in it; files of earlier runs stay.
    pub(super) fn create(folder: &Path) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let failed = |action, path: &Path, source| Error::File {
            action,
            path: path.to_owned(),
            source,
        };
        fs::create_dir_all(folder).map_err(|source| failed("create", folder, source))?;
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = format!(
            "events.out.tfevents.{:010}.{}.{}.{}.v2",
            seconds_since_1970() as u64,
            match host.trim() {
                "" => "localhost",
                host => host,
            },
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed),
        );
        let path = folder.join(name);
        let file = File::create(&path).map_err(|source| failed("write", &path, source))?;
        let mut events = EventFile {
            path,
            file: BufWriter::new(file),
        };
        let mut version = Message::event(0);
        version.text(3, "brain.Event:2");
        events.record(&version)?;
        Ok(events)
    }

    /// One number at one step.
    pub(super) fn scalar(&mut self, tag: &str, value: f64, step: i64) -> Result<()> {
        let mut entry = Message::default();
        entry.text(1, tag);
        entry.float(2, value as f32);
        self.summary(&entry, step)
    }

    /// How many of `values` lie where, at one step; numbers that are none or infinite are left out.
    pub(super) fn histogram(&mut self, tag: &str, values: &[f64], step: i64) -> Result<()> {
        let mut entry = Message::default();
        entry.text(1, tag);
        entry.message(5, &Histogram::of(values).to_message());
        self.summary(&entry, step)
    }

    /// Hands everything to the operating system, where TensorBoard sees it.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.file
            .flush()
            .map_err(|source| write_failed(&self.path, source))
    }

    fn summary(&mut self, entry: &Message, step: i64) -> Result<()> {
        let mut summary = Message::default();
        summary.message(1, entry);
        let mut event = Message::event(step);
        event.message(5, &summary);
        self.record(&event)
    }

    /// A record: its length, the length's checksum, the bytes, their checksum.
    fn record(&mut self, message: &Message) -> Result<()> {
        let bytes = &message.0;
        let length = (bytes.len() as u64).to_le_bytes();
        let parts: [&[u8]; 4] = [
            &length,
            &masked_crc32c(&length).to_le_bytes(),
            bytes,
            &masked_crc32c(bytes).to_le_bytes(),
        ];
        let mut write = || parts.iter().try_for_each(|part| self.file.write_all(part));
        write().map_err(|source| write_failed(&self.path, source))
    }
}

fn write_failed(path: &Path, source: std::io::Error) -> Error {
    Error::File {
        action: "write",
        path: path.to_owned(),
        source,
    }
}

fn seconds_since_1970() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// A protocol buffer in the making.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    /// An `Event` with its time and step.
    fn event(step: i64) -> Self {
        let mut event = Message::default();
        event.double(1, seconds_since_1970());
        event.key(2, 0);
        event.varint(step as u64);
        event
    }

    fn key(&mut self, field: u64, wire_type: u64) {
        self.varint(field << 3 | wire_type);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    fn float(&mut self, field: u64, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn message(&mut self, field: u64, message: &Message) {
        self.bytes(field, &message.0);
    }

    fn doubles(&mut self, field: u64, values: &[f64]) {
        let packed: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.bytes(field, &packed);
    }
}

/// Counts in thirty buckets of the same width, as TensorBoard's own `histogram` makes them.
struct Histogram {
    min: f64,
    max: f64,
    count: f64,
    sum: f64,
    sum_of_squares: f64,
    upper_limits: Vec<f64>,
    counts: Vec<f64>,
}

impl Histogram {
    const BUCKETS: usize = 30;

    fn of(values: &[f64]) -> Self {
        let values: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        let mut min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let mut max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if values.is_empty() {
            (min, max) = (0.0, 0.0);
        }
        // All equal: one bucket around them would have no width.
        let (low, width) = match max > min {
            true => (min, (max - min) / Self::BUCKETS as f64),
            false => (min - 0.5, 1.0 / Self::BUCKETS as f64),
        };
        let mut counts = vec![0.0; Self::BUCKETS];
        for value in &values {
            let bucket = ((value - low) / width) as usize;
            counts[bucket.min(Self::BUCKETS - 1)] += 1.0;
        }
        Histogram {
            min,
            max,
            count: values.len() as f64,
            sum: values.iter().sum(),
            sum_of_squares: values.iter().map(|value| value * value).sum(),
            upper_limits: (1..=Self::BUCKETS)
                .map(|i| low + width * i as f64)
                .collect(),
            counts,
        }
    }

    fn to_message(&self) -> Message {
        let mut message = Message::default();
        message.double(1, self.min);
        message.double(2, self.max);
        message.double(3, self.count);
        message.double(4, self.sum);
        message.double(5, self.sum_of_squares);
        message.doubles(6, &self.upper_limits);
        message.doubles(7, &self.counts);
        message
    }
}

/// The checksum as TFRecord stores it: a checksum of data that hold checksums would be weak.
pub(super) fn masked_crc32c(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32 with Castagnoli's polynomial (RFC 3720, appendix B.4 has test vectors).
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let (mut crc, mut bit) = (byte as u32, 0);
            while bit < 8 {
                crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
                bit += 1;
            }
            table[byte] = crc;
            byte += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, &byte| {
        TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, B.4.
    #[test]
    fn checksums_are_castagnolis() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let rising: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&rising), 0x46dd_794e);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn numbers_are_packed_as_protocol_buffers() {
        let mut message = Message::default();
        message.key(2, 0);
        message.varint(300);
        message.text(1, "ab");
        assert_eq!(message.0, [0x10, 0xac, 0x02, 0x0a, 2, b'a', b'b']);
    }

    #[test]
    fn a_histogram_counts_everything_that_is_a_number() {
        let histogram = Histogram::of(&[0.0, 1.0, 1.0, 3.0, f64::NAN, f64::INFINITY]);
        assert_eq!((histogram.min, histogram.max), (0.0, 3.0));
        assert_eq!((histogram.count, histogram.sum), (4.0, 5.0));
        assert_eq!(histogram.sum_of_squares, 11.0);
        assert_eq!(histogram.counts.iter().sum::<f64>(), 4.0);
        assert_eq!((histogram.counts[0], histogram.counts[10]), (1.0, 2.0));
        assert_eq!(histogram.counts[29], 1.0);
        assert_eq!(Histogram::of(&[2.0, 2.0]).counts.iter().sum::<f64>(), 2.0);
        assert_eq!(Histogram::of(&[]).count, 0.0);
    }
}
