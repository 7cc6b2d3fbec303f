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

/// How much the compiler optimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum OptLevel {
    /// Test by test as written.
    O0,
    /// Acts as [`OptLevel::O0`] for now.
    O1,
    /// Acts as [`OptLevel::O0`] for now.
    #[default]
    O2,
}
