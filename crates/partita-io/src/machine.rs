//! What the machine offers.

/// The bytes of memory that this process may use: the control group's limit or the machine's memory, whichever
/// is less. 4 GiB where the system does not tell.
pub fn memory_available() -> usize {
    const UNKNOWN: u64 = 4 << 30;
    let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let group =
        groups.iter().filter_map(|path| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok()).min();
    let bytes = [group, machine()].into_iter().flatten().min().unwrap_or(UNKNOWN);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// The bytes of memory that this process holds; none where the system does not tell.
pub fn resident_memory() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
}

fn machine() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
