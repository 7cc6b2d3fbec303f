//! The clock of the benchmark.

#[cfg(unix)]
pub(super) use thread::now;

#[cfg(not(unix))]
pub(super) use elapsed::now;

/// CPU time of the thread: what others do on the machine does not count.
#[cfg(unix)]
mod thread {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    /// The time since some moment that stays the same.
    pub(in super::super) fn now() -> Duration {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
        let nanos = u32::try_from(now.tv_nsec).unwrap_or_default();
        Duration::new(seconds, nanos)
    }
}

/// Elapsed time: the CPU time of Windows advances in steps of 15 ms.
#[cfg(not(unix))]
mod elapsed {
    use std::sync::LazyLock;
    use std::time::{Duration, Instant};

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);

    /// The time since some moment that stays the same.
    pub(in super::super) fn now() -> Duration {
        START.elapsed()
    }
}
