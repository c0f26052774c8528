//! The machine, as far as this process may use it: how much memory it may have. In a container that is less than the machine
//! has, and only the control groups say so.

use std::fs;

/// The folder of control groups.
const GROUPS: &str = "/sys/fs/cgroup";

/// Returns the memory that this process may have, in bytes: what its control groups allow, or else what the machine has.
/// Nothing if the system does not say it.
pub(crate) fn memory() -> Option<u64> {
    least(|path| fs::read_to_string(path).ok())
}

/// Returns the least of all limits, with `read` for the system's files.
fn least(read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let limits = groups
        .lines()
        .flat_map(files)
        .filter_map(|path| read(&path)?.trim().parse().ok());
    let machine = read("/proc/meminfo").as_deref().and_then(total);
    limits.chain(machine).min()
}

/// Returns the files that limit the memory of a group and of those it is in, for a line of `/proc/self/cgroup` (cgroups(7)).
/// In a container the topmost is its own, whatever the path says.
fn files(line: &str) -> Vec<String> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
        return Vec::new();
    };
    let (root, name) = match controllers {
        "" => (GROUPS.to_owned(), "memory.max"),
        _ if controllers.split(',').any(|controller| controller == "memory") => {
            (format!("{GROUPS}/memory"), "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    let path = path.trim_end_matches('/');
    let ends = path.char_indices().filter(|(_, char)| *char == '/').map(|(at, _)| at);
    let groups = ends.chain([path.len()]);
    groups.map(|end| format!("{root}{}/{name}", &path[..end])).collect()
}

/// Returns the whole memory of a machine in bytes, as `/proc/meminfo` says it (proc_meminfo(5)).
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Option<u64> {
        least(|path| {
            let file = files.iter().find(|(name, _)| *name == path)?;
            Some(file.1.to_owned())
        })
    }

    #[test]
    fn the_tightest_limit_counts() {
        let machine = ("/proc/meminfo", "MemTotal:        2048 kB\nMemFree: 1 kB\n");
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[machine]), Some(2048 * 1024));
        let second = ("/proc/self/cgroup", "0::/a.slice/b.service\n");
        for (limits, expected) in [
            (vec![("/sys/fs/cgroup/a.slice/b.service/memory.max", "1000\n")], 1000),
            (
                vec![
                    ("/sys/fs/cgroup/a.slice/b.service/memory.max", "max\n"),
                    ("/sys/fs/cgroup/a.slice/memory.max", "2000\n"),
                ],
                2000,
            ),
            // A container sees its own group at the top.
            (vec![("/sys/fs/cgroup/memory.max", "3000\n")], 3000),
            (vec![("/sys/fs/cgroup/memory.max", "max\n")], 2048 * 1024),
            (vec![("/sys/fs/cgroup/memory.max", "99999999999\n")], 2048 * 1024),
        ] {
            let files = [&limits[..], &[machine, second]].concat();
            assert_eq!(of(&files), Some(expected), "{limits:?}");
        }
    }

    #[test]
    fn the_first_version_of_groups_is_read_as_well() {
        let machine = ("/proc/meminfo", "MemTotal: 2048 kB\n");
        let groups = (
            "/proc/self/cgroup",
            "12:cpu,cpuacct:/\n4:memory:/docker/x\n1:name=systemd:/\n0::/\n",
        );
        let limit = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "4000\n");
        assert_eq!(of(&[machine, groups, limit]), Some(4000));
        let none = (
            "/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes",
            "9223372036854771712\n",
        );
        assert_eq!(of(&[machine, groups, none]), Some(2048 * 1024));
    }
}
