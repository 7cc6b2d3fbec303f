use core::fmt;
use core::str::FromStr;

/// Which meaning filter text has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Dialect {
    /// The documented meaning, with logical `not (…)` and `a ? b : c`.
    ///
    /// Accepts every text that WinDivert 2.2 accepts, except those that here
    /// compile to more than 255 instructions (a test that the stock driver
    /// gets wrong may take several), and warns where the meaning differs.
    #[default]
    Divert,
    /// WinDivert 2.2 to the bit, its defects included.
    WinDivert22,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 2] = [Self::Divert, Self::WinDivert22];

    /// The name on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Divert => "divert",
            Self::WinDivert22 => "windivert-2.2",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of a dialect that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownDialect;

impl fmt::Display for UnknownDialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown dialect; the dialects are `divert` and `windivert-2.2`")
    }
}

impl core::error::Error for UnknownDialect {}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|d| d.name() == name);
        found.ok_or(UnknownDialect)
    }
}

/// How much the compiler optimises. No level changes what a filter matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum OptLevel {
    /// Test by test as written, the same instructions as WinDivert 2.2.
    O0,
    /// Never more instructions than [`OptLevel::O0`].
    O1,
    /// More instructions where that at least halves the longest path: a list
    /// of single values becomes a search tree.
    #[default]
    O2,
}

impl OptLevel {
    /// Every level.
    pub const ALL: [Self; 3] = [Self::O0, Self::O1, Self::O2];

    /// The level that goes with a dialect: WinDivert 2.2 does not optimise,
    /// and who asks for its dialect wants its instructions.
    #[must_use]
    pub const fn of_dialect(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Divert => Self::O2,
            Dialect::WinDivert22 => Self::O0,
        }
    }
}

/// What a compiled filter is to run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Engine {
    /// The WinDivert 2.2 driver as well as divert: a filter that takes more
    /// than 255 instructions is refused.
    #[default]
    WinDivert,
    /// The virtual machine of divert only. A filter may be as long as a block
    /// list; if it takes more than 255 instructions, it has no object string.
    Divert,
}
