use core::fmt;

/// Where in the network stack a filter looks.
///
/// The layer decides which fields exist and which events occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum Layer {
    /// Packets to and from this host.
    #[default]
    Network = 0,
    /// Packets that pass through this host.
    NetworkForward = 1,
    /// Flows (connections) established and deleted.
    Flow = 2,
    /// Socket operations.
    Socket = 3,
    /// Handles of the driver itself.
    Reflect = 4,
}

impl Layer {
    /// Every layer, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Network,
        Self::NetworkForward,
        Self::Flow,
        Self::Socket,
        Self::Reflect,
    ];

    /// The layer with this number.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Network),
            1 => Some(Self::NetworkForward),
            2 => Some(Self::Flow),
            3 => Some(Self::Socket),
            4 => Some(Self::Reflect),
            _ => None,
        }
    }

    /// The number of the layer on the wire.
    #[allow(clippy::as_conversions)]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// The macro that stands for the layer in filters, e.g. `NETWORK`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Network => "NETWORK",
            Self::NetworkForward => "NETWORK_FORWARD",
            Self::Flow => "FLOW",
            Self::Socket => "SOCKET",
            Self::Reflect => "REFLECT",
        }
    }

    /// The name of the layer on a command line, e.g. `forward`.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::NetworkForward => "forward",
            Self::Flow => "flow",
            Self::Socket => "socket",
            Self::Reflect => "reflect",
        }
    }

    /// The events that occur here: macro name and number.
    pub const fn events(self) -> &'static [(&'static str, u8)] {
        match self {
            Self::Network | Self::NetworkForward => &[("PACKET", 0)],
            Self::Flow => &[("ESTABLISHED", 1), ("DELETED", 2)],
            Self::Socket => &[
                ("BIND", 3),
                ("CONNECT", 4),
                ("LISTEN", 5),
                ("ACCEPT", 6),
                ("CLOSE", 7),
            ],
            Self::Reflect => &[("OPEN", 8), ("CLOSE", 9)],
        }
    }

    /// Whether events of this layer carry a packet.
    pub const fn has_packets(self) -> bool {
        matches!(self, Self::Network | Self::NetworkForward)
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LayerSet(u8);

impl LayerSet {
    pub(crate) const fn of(layers: &[Layer]) -> Self {
        let mut bits = 0;
        let mut rest = layers;
        while let [first, tail @ ..] = rest {
            bits |= first.bit();
            rest = tail;
        }
        Self(bits)
    }

    /// Whether `layer` is in the set.
    pub const fn contains(self, layer: Layer) -> bool {
        self.0 & layer.bit() != 0
    }

    /// The layers of the set, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Layer> {
        Layer::ALL.into_iter().filter(move |l| self.contains(*l))
    }
}

impl FromIterator<Layer> for LayerSet {
    fn from_iter<I: IntoIterator<Item = Layer>>(layers: I) -> Self {
        Self(layers.into_iter().fold(0, |bits, layer| bits | layer.bit()))
    }
}

impl Layer {
    const fn bit(self) -> u8 {
        match self {
            Self::Network => 1,
            Self::NetworkForward => 2,
            Self::Flow => 4,
            Self::Socket => 8,
            Self::Reflect => 16,
        }
    }
}
