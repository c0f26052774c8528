//! What a table is worth nothing without: where and when it was measured.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::process::installed;

/// A line about this machine, today, and what these programs say about their version when asked with that option.
pub(crate) fn describe(programs: &[(&str, &str)]) -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<_> = cpus
        .lines()
        .filter_map(|line| line.strip_prefix("model name"))
        .collect();
    let model = models
        .first()
        .map_or("unknown processor", |model| model.trim_start_matches(['\t', ':', ' ']));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut parts = vec![
        first_line("date", "+%F"),
        format!("{model}, {} cores", models.len()),
        format!("Linux {}", kernel.trim()),
        first_line("rustc", "--version"),
    ];
    parts.extend(programs.iter().map(|(program, option)| first_line(program, option)));
    parts.push(format!(
        "load average at the end {}",
        load.split(' ').next().unwrap_or_default()
    ));
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

/// What a program prints first, on whichever output; nothing where there is no such program.
fn first_line(program: &str, option: &str) -> String {
    let path = installed(program).unwrap_or_else(|| PathBuf::from(program));
    let Ok(output) = Command::new(path).arg(option).output() else {
        return String::new();
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    said.lines().next().unwrap_or_default().trim().to_owned()
}
