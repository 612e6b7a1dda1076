//! `torchbook clean`: shows what the cache holds and removes what nobody uses.

use crate::setup::clean::{self, Entry, Keep};
use crate::setup::progress::megabytes;
use crate::setup::{Cache, Environment};
use clap::Args;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

/// Shows what the cache holds and removes what nobody uses.
///
/// Old versions of the prelude also go by themselves, when a kernel starts.
#[derive(Debug, Args)]
pub struct CleanArguments {
    /// Prelude versions that are kept, those used last.
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    /// Remove prelude versions that were not used for this many days.
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// Remove the oldest prelude versions until the rest is smaller.
    #[arg(long, value_name = "MB")]
    max_size: Option<u64>,
    /// Also libtorch, the data and the latest prelude: all of it is fetched and built again when needed.
    #[arg(long)]
    all: bool,
    /// Only show what would be removed.
    #[arg(long)]
    dry_run: bool,
}

impl CleanArguments {
    fn keep(&self, environment: &Environment) -> Keep {
        let mut keep = Keep::of(environment);
        // Who asks for a number means it.
        if let Some(count) = self.keep {
            (keep.count, keep.grace) = (count, Duration::ZERO);
        }
        if let Some(days) = self.days {
            keep.unused_for = Duration::from_secs(u64::from(days) * 24 * 60 * 60);
        }
        keep.bytes = self.max_size.map(|size| size.saturating_mul(1_000_000));
        keep
    }
}

pub fn run(arguments: &CleanArguments) -> anyhow::Result<()> {
    let environment = Environment::of_process();
    let cache = Cache::of(&environment)?;
    let entries = clean::inventory(&cache);
    let going = clean::candidates(&entries, &arguments.keep(&environment), arguments.all);
    let now = SystemTime::now();
    println!("{}", cache.root().display());
    for entry in &entries {
        let fate = match going.contains(&entry) {
            true if arguments.dry_run => "would go",
            true => "goes",
            false if entry.in_use => "in use",
            false => "stays",
        };
        println!("{}", line(entry, fate, now));
    }
    let mut freed = 0;
    for entry in going {
        if arguments.dry_run || clean::remove(entry)? {
            freed += entry.bytes;
        }
    }
    let verb = if arguments.dry_run {
        "would be freed"
    } else {
        "freed"
    };
    println!("{} {verb}", megabytes(freed));
    Ok(())
}

fn line(entry: &Entry, fate: &str, now: SystemTime) -> String {
    let age = now.duration_since(entry.last_use).unwrap_or_default();
    let name = entry.path.file_name().unwrap_or_default();
    let mut line = String::new();
    // Writing to a string does not fail.
    let _ = write!(
        line,
        "{fate:>9}  {:>8}  {:>10}  {:>4} days ago  {}",
        entry.kind.name(),
        megabytes(entry.bytes),
        age.as_secs() / (24 * 60 * 60),
        name.to_string_lossy()
    );
    line
}
