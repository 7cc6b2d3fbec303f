//! Where packet bytes come from: a slice, or whatever a driver holds.

/// Bytes of a packet, read at any offset.
///
/// Slices implement it. A driver implements it for its chain of buffers, so
/// that user mode and kernel share one parser. An implementation should read
/// every byte below [`len`](Self::len) and none above; one that does not is
/// still safe to parse, the packet is only found malformed.
pub trait Source {
    /// The number of bytes.
    fn len(&self) -> usize;

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `N` bytes at offset `at`, `None` unless all of them exist.
    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]>;
}

impl Source for [u8] {
    #[inline]
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    #[inline]
    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.get(at..)?.first_chunk().copied()
    }
}

impl<const LEN: usize> Source for [u8; LEN] {
    #[inline]
    fn len(&self) -> usize {
        LEN
    }

    #[inline]
    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.as_slice().read(at)
    }
}

impl<S: Source + ?Sized> Source for &S {
    #[inline]
    fn len(&self) -> usize {
        S::len(self)
    }

    #[inline]
    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        S::read(self, at)
    }
}

/// Overwrites the `N` bytes at `at`; does nothing unless all of them exist.
#[inline]
pub(crate) fn store<const N: usize>(packet: &mut [u8], at: usize, bytes: [u8; N]) {
    if let Some(place) = packet.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = bytes;
    }
}
