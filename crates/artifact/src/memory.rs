//! Memory available to a process: free memory of the machine, and the limits on it.

use std::path::{Path, PathBuf};

/// Bytes in readable units.
pub fn readable(bytes: f64) -> String {
    match bytes.max(0.0) {
        bytes if bytes < 1e9 => format!("{:.0} MB", bytes / 1e6),
        bytes if bytes < 1e12 => format!("{:.1} GB", bytes / 1e9),
        bytes => format!("{:.3e} GB", bytes / 1e9),
    }
}

/// Memory left under a limit.
pub struct Room {
    /// Name of the limit.
    pub limit: String,
    /// Bytes left.
    pub bytes: f64,
}

/// The least memory left under any known limit; none if no limit is known.
pub fn room() -> Option<Room> {
    available().into_iter().min_by(|a, b| a.bytes.total_cmp(&b.bytes))
}

/// Memory left under each known limit.
fn available() -> Vec<Room> {
    let mut rooms = Vec::new();
    rooms.extend(machine().map(|bytes| Room { limit: "MemAvailable of the machine".into(), bytes }));
    rooms.extend(control_groups());
    #[cfg(target_os = "linux")]
    rooms.extend(process_limits());
    rooms
}

/// Number of kilobytes in a file of lines `name: number kB`, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let number: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(1024.0 * number)
}

/// Memory and swap space available on the machine.
fn machine() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    Some(kilobytes(&text, "MemAvailable")? + kilobytes(&text, "SwapFree").unwrap_or(0.0))
}

/// Memory left in the control groups of this process, of both versions, and in the enclosing ones.
fn control_groups() -> Vec<Room> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    groups.lines().flat_map(|line| rooms_of_group(line, Path::new("/sys/fs/cgroup"))).collect()
}

/// Memory left in the control group named by a line of /proc/self/cgroup.
fn rooms_of_group(line: &str, mounted: &Path) -> Vec<Room> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return Vec::new() };
    let (root, files) = match controllers {
        "" => (mounted.to_path_buf(), ["memory.max", "memory.current", "inactive_file"]),
        names if names.split(',').any(|name| name == "memory") => {
            let files = ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"];
            (mounted.join("memory"), files)
        }
        _ => return Vec::new(),
    };
    let own = root.join(path.trim_start_matches('/'));
    let folders = own.ancestors().take_while(|folder| folder.starts_with(&root)).map(PathBuf::from);
    folders.filter_map(|folder| room_of_folder(&folder, files)).collect()
}

fn room_of_folder(folder: &Path, [limit, usage, inactive]: [&str; 3]) -> Option<Room> {
    let number = |file: &str| std::fs::read_to_string(folder.join(file)).ok()?.trim().parse::<f64>().ok();
    let (most, used) = (number(limit)?, number(usage)?);
    let stat = std::fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let reclaimable = stat.lines().find_map(|line| line.strip_prefix(inactive)?.trim().parse::<f64>().ok());
    let bytes = (most - used + reclaimable.unwrap_or(0.0)).max(0.0);
    Some(Room { limit: format!("{} of the control group", folder.join(limit).display()), bytes })
}

/// Memory left under the shell's limits on address space and data.
#[cfg(target_os = "linux")]
fn process_limits() -> Vec<Room> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let left = |resource, name: &str, used: &str| {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` is a valid struct and lives as long as the call.
        let known = unsafe { libc::getrlimit(resource, &raw mut limit) } == 0;
        let bytes = limit.rlim_cur as f64 - kilobytes(&status, used)?;
        (known && limit.rlim_cur != libc::RLIM_INFINITY).then(|| Room { limit: name.into(), bytes: bytes.max(0.0) })
    };
    let limits = [left(libc::RLIMIT_AS, "ulimit -v", "VmSize"), left(libc::RLIMIT_DATA, "ulimit -d", "VmData")];
    limits.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_control_groups_of_both_versions_are_found() {
        let mounted = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = mounted.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("job/step/memory.max", "max\n");
        write("job/step/memory.current", "5000\n");
        write("job/memory.max", "100000\n");
        write("job/memory.current", "60000\n");
        write("job/memory.stat", "anon 1\ninactive_file 10000\n");
        let rooms = rooms_of_group("0::/job/step", mounted.path());
        assert_eq!(rooms.iter().map(|room| room.bytes).collect::<Vec<_>>(), [50_000.0]);
        assert!(rooms[0].limit.contains("job/memory.max"));
        write("memory/batch/memory.limit_in_bytes", "7000\n");
        write("memory/batch/memory.usage_in_bytes", "8000\n");
        let rooms = rooms_of_group("4:cpu,memory:/batch", mounted.path());
        assert_eq!(rooms.iter().map(|room| room.bytes).collect::<Vec<_>>(), [0.0]);
        assert!(
            rooms_of_group("3:cpu:/batch", mounted.path()).is_empty() && rooms_of_group("", mounted.path()).is_empty()
        );
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!([5e6, 2.25e9, 4e21].map(readable), ["5 MB", "2.2 GB", "4.000e12 GB"]);
    }
}
