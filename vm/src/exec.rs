//! Execution: a walk forward through the nodes until a verdict.

use crate::event::Event;
use crate::isa::{Layer, Target};
use crate::load::View;
use crate::packet::{IpVersion, Source};
use crate::program::{Node, Program};

/// Whether `program` matches `packet` in the circumstances of `event`.
///
/// Cannot fail: a packet that does not parse has no headers, a fault counts
/// as no match. At layers without packets pass an empty packet.
pub fn execute<S, P>(program: &Program<S>, packet: &P, event: &Event) -> bool
where
    S: AsRef<[Node]>,
    P: Source + ?Sized,
{
    trace(program, packet, event, |_| {})
}

/// Why an evaluation has no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EvalError {
    /// The event belongs to another layer than the program.
    WrongLayer,
    /// The layer has packets, and there is none or it does not parse.
    BadPacket,
    /// The layer has no packets, and there is one.
    UnexpectedPacket,
    /// The IPv6 flag of the event contradicts the packet.
    WrongIpVersion,
    /// A test of a field that the layer does not have was reached.
    FieldNotAtLayer,
}

impl core::fmt::Display for EvalError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::WrongLayer => "the event belongs to another layer than the filter",
            Self::BadPacket => "the packet is missing or is not an IP packet",
            Self::UnexpectedPacket => "events of this layer carry no packet",
            Self::WrongIpVersion => "the event's IPv6 flag contradicts the packet",
            Self::FieldNotAtLayer => "the filter tests a field that the layer does not have",
        })
    }
}

impl core::error::Error for EvalError {}

/// Like [`execute`], with the checks of `WinDivertHelperEvalFilter`.
///
/// # Errors
///
/// Whatever that function answers with an invalid-parameter error
/// (spec: API, section 8.2).
pub fn evaluate<S, P>(
    program: &Program<S>,
    packet: Option<&P>,
    event: &Event,
) -> Result<bool, EvalError>
where
    S: AsRef<[Node]>,
    P: Source + ?Sized,
{
    if event.layer != program.layer() {
        return Err(EvalError::WrongLayer);
    }
    let outcome = match (event.layer, packet) {
        (Layer::Network | Layer::NetworkForward, None) => return Err(EvalError::BadPacket),
        (Layer::Network | Layer::NetworkForward, Some(packet)) => {
            let view = View::new(event.layer, packet, event);
            let version = view.ip_version().ok_or(EvalError::BadPacket)?;
            if (version == IpVersion::V6) != event.ipv6 {
                return Err(EvalError::WrongIpVersion);
            }
            run(program, &view, |_| {})
        }
        (Layer::Flow | Layer::Socket, Some(_)) => return Err(EvalError::UnexpectedPacket),
        _ => run(
            program,
            &View::new(event.layer, [].as_slice(), event),
            |_| {},
        ),
    };
    match outcome {
        Outcome::Accept => Ok(true),
        Outcome::Reject => Ok(false),
        Outcome::Fault => Err(EvalError::FieldNotAtLayer),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Accept,
    Reject,
    Fault,
}

/// One step of an execution, for people who want to see why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The index of the instruction.
    pub at: u16,
    /// The ordinal of the field's value; `None` if the field is absent.
    pub value: Option<u128>,
    /// Whether the test holds.
    pub holds: bool,
    /// Where execution goes next.
    pub next: Target,
}

/// Executes, and reports every step to `observe`.
///
/// The verdict is that of [`execute`].
pub fn trace<S, P>(
    program: &Program<S>,
    packet: &P,
    event: &Event,
    observe: impl FnMut(Step),
) -> bool
where
    S: AsRef<[Node]>,
    P: Source + ?Sized,
{
    run(program, &View::new(program.layer(), packet, event), observe) == Outcome::Accept
}

/// Ends because every step leaves fewer nodes ahead than the one before.
#[inline]
fn run<S, P>(program: &Program<S>, view: &View<'_, P>, mut observe: impl FnMut(Step)) -> Outcome
where
    S: AsRef<[Node]>,
    P: Source + ?Sized,
{
    let nodes = program.nodes();
    let mut here = 0;
    while let Some(node) = nodes.get(usize::from(here)) {
        let Some(field) = node.field else {
            return Outcome::Fault;
        };
        let value = view.load(field, node.offset);
        let holds = value.is_some_and(|value| node.values.contains(value));
        let next = if holds { node.success } else { node.failure };
        observe(Step {
            at: here,
            value,
            holds,
            next: Target::from_u16(next),
        });
        if next <= here {
            return Outcome::Fault;
        }
        here = next;
    }
    if here == Target::ACCEPT.as_u16() {
        Outcome::Accept
    } else {
        Outcome::Reject
    }
}
