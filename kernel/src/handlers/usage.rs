//! usage_request (on control): what the kernel and its cells use of the machine, in the
//! words of psutil, as the jupyter-resource-usage extension shows it.
//!
//! The request is no part of the messaging specification; ipykernel has it, and its reply
//! is the reference. Percentages are since the request before, so the first has none.

use crate::dispatch;
use crate::processes;
use crate::server::Kernel;
use serde_json::{Map, Value, json};
use std::sync::{Arc, PoisonError};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// The reply's content.
pub async fn reply(kernel: &Kernel) -> Value {
    let meter = Arc::clone(&kernel.usage);
    let measured = tokio::task::spawn_blocking(move || {
        meter
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .measure()
    });
    match measured.await {
        Ok(Ok(content)) => content,
        Ok(Err(error)) => dispatch::error("UsageUnknown", &error.to_string()),
        Err(panic) => dispatch::error("KernelError", &panic.to_string()),
    }
}

/// Measures; remembers the last measurement.
#[derive(Default)]
pub struct UsageMeter {
    system: Option<System>,
}

impl UsageMeter {
    /// The reply's content: CPU in percent of one core, memory in bytes.
    ///
    /// # Errors
    /// When the system tells nothing about its processes.
    pub fn measure(&mut self) -> Result<Value, sysinfo::Error> {
        let system = match &mut self.system {
            Some(system) => system,
            none => none.insert(System::new()?),
        };
        let kernel = std::process::id();
        let mut pids = processes::descendants(kernel);
        pids.push(kernel);
        let pids: Vec<Pid> = pids.into_iter().map(Pid::from_u32).collect();
        system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&pids),
            true,
            ProcessRefreshKind::nothing().with_cpu().with_memory(),
        );
        system.refresh_cpu_usage();
        let processes = || pids.iter().filter_map(|pid| system.process(*pid));
        let kernel_cpu: f32 = processes().map(|process| process.cpu_usage()).sum();
        let kernel_memory: u64 = processes().map(|process| process.memory()).sum();
        let mut content = json!({
            "status": "ok",
            "hostname": System::host_name().unwrap_or_default(),
            "pid": kernel,
            "kernel_cpu": kernel_cpu,
            "kernel_memory": kernel_memory,
            "cpu_count": system.cpus().len(),
        });
        let host_cpu = system.global_cpu_usage();
        if host_cpu > 0.0 {
            content["host_cpu_percent"] = json!(host_cpu);
        }
        match std::fs::read_to_string("/proc/meminfo") {
            Ok(meminfo) => content["host_virtual_memory"] = virtual_memory(&meminfo),
            Err(error) => tracing::warn!(%error, "cannot read /proc/meminfo"),
        }
        Ok(content)
    }
}

/// psutil's `virtual_memory` from the text of /proc/meminfo, in bytes.
/// See <https://psutil.readthedocs.io/en/stable/#psutil.virtual_memory>.
fn virtual_memory(meminfo: &str) -> Value {
    let bytes = |name: &str| -> u64 {
        meminfo
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| *key == name)
            .and_then(|(_, value)| value.trim().trim_end_matches(" kB").parse::<u64>().ok())
            .unwrap_or(0)
            * 1024
    };
    let (total, available) = (bytes("MemTotal"), bytes("MemAvailable"));
    let used = total.saturating_sub(available);
    let mut memory = Map::new();
    memory.insert("total".into(), total.into());
    memory.insert("available".into(), available.into());
    memory.insert("used".into(), used.into());
    let percent = if total == 0 {
        0.0
    } else {
        (used as f64 / total as f64 * 1000.0).round() / 10.0
    };
    memory.insert("percent".into(), percent.into());
    for (name, key) in [
        ("free", "MemFree"),
        ("active", "Active"),
        ("inactive", "Inactive"),
        ("buffers", "Buffers"),
        ("cached", "Cached"),
        ("shared", "Shmem"),
        ("slab", "Slab"),
    ] {
        memory.insert(name.into(), bytes(key).into());
    }
    Value::Object(memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_the_host_is_in_bytes() {
        let memory = virtual_memory(
            "MemTotal:        8000 kB\nMemFree:  1000 kB\nMemAvailable:    6000 kB\nActive:  10 kB\nActive(anon): 3 kB\n",
        );
        assert_eq!(memory["total"], 8_192_000);
        assert_eq!(memory["used"], 2_048_000);
        assert_eq!(memory["percent"], 25.0);
        assert_eq!(memory["active"], 10_240);
        assert_eq!(memory["slab"], 0);
    }

    #[test]
    fn the_kernel_counts_its_own_memory() {
        let usage = UsageMeter::default().measure().unwrap();
        assert_eq!(usage["pid"], std::process::id());
        assert!(
            usage["kernel_memory"].as_u64().unwrap() > 1 << 20,
            "{usage}"
        );
        assert!(usage["cpu_count"].as_u64().unwrap() >= 1);
        assert!(!usage["hostname"].as_str().unwrap().is_empty());
    }
}
