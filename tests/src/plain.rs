//! A second interpreter of divert bytecode, to compare the first with.

use divert_vm::bytecode::{Base, Class, DataBase, HEADER_CELLS, Load, Next, Node, Test};
use divert_vm::packet::{Headers, Transport};
use divert_vm::{Cell, Event, Field, Insn, Layer, trace};

/// A second interpreter of images, as plain as can be.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a> {
    /// The image, accepted by the check of the virtual machine.
    pub cells: &'a [Cell],
    /// The layer it is for.
    pub layer: Layer,
    /// Empty where there is none.
    pub packet: &'a [u8],
    /// The event.
    pub event: &'a Event,
}

impl Plain<'_> {
    fn body(&self) -> &[Cell] {
        &self.cells[HEADER_CELLS..]
    }

    fn headers(&self) -> Option<Headers> {
        Headers::parse(self.packet).filter(|_| self.layer.has_packets())
    }

    /// The verdict.
    ///
    /// # Panics
    ///
    /// The image is one that the check refuses.
    #[must_use]
    pub fn verdict(&self) -> bool {
        let headers = self.headers();
        let version = headers.map(|h| h.version());
        let transport = headers.map_or(Transport::None, |h| h.transport());
        let class = Class::of(version, transport, self.event.outbound);
        let mut here = Next(self.cells[1..].as_flattened()[class.index()]);
        while here.verdict().is_none() {
            here = self.step(&Node::decode(&self.body()[here.0 as usize]).unwrap());
        }
        here == Next::ACCEPT
    }

    fn step(&self, node: &Node) -> Next {
        match *node {
            Node::Branch {
                load,
                test,
                yes,
                no,
                absent,
            } => match self.value(load) {
                Some(value) if self.passes(value, test) => yes,
                Some(_) => no,
                None => absent,
            },
            Node::Truth {
                tests,
                count,
                table,
                yes,
                no,
            } => {
                let words = &self.body().as_flattened()[tests as usize * 8..];
                let mut row = 0;
                for bit in 0..usize::from(count) {
                    let [head, mask, low, span] = words[bit * 4..bit * 4 + 4] else {
                        unreachable!()
                    };
                    let [_, base, offset, shift] = head.to_le_bytes();
                    let base = Base::from_u8(base).unwrap();
                    let load = Load::Word {
                        base,
                        offset,
                        shift,
                        mask,
                    };
                    let value = self.value(load);
                    if value.is_some_and(|v| self.passes(v, Test::Range { low, span })) {
                        row |= 1 << bit;
                    }
                }
                if table >> row & 1 == 1 { yes } else { no }
            }
        }
    }

    fn passes(&self, value: u128, test: Test) -> bool {
        let words = self.body().as_flattened();
        let wide = |at: u32| {
            let words = words[at as usize * 4..].first_chunk::<4>().unwrap();
            words
                .iter()
                .rev()
                .fold(0_u128, |wide, word| wide << 32 | u128::from(*word))
        };
        match test {
            Test::Range { low, span } => {
                let reach = (value as u32).wrapping_sub(low);
                reach <= span
            }
            Test::Table { start, len } => {
                let bounds = &words[start as usize..][..len as usize];
                bounds.iter().filter(|b| u128::from(**b) <= value).count() % 2 == 1
            }
            Test::Wide { cell } => (wide(cell * 2)..=wide(cell * 2 + 1)).contains(&value),
            Test::WideTable { cell, len } => {
                let bounds = (0..len).filter(|at| wide(cell * 2 + at) <= value);
                bounds.count() % 2 == 1
            }
        }
    }

    fn value(&self, load: Load) -> Option<u128> {
        match load {
            Load::Word {
                base,
                offset,
                shift,
                mask,
            } => Some((self.word(base, offset.into())? >> shift & mask).into()),
            Load::Data {
                base,
                width,
                offset,
            } => {
                use Field::*;
                let fields = match base {
                    DataBase::Packet => [Packet, Packet16, Packet32],
                    DataBase::Tcp => [TcpPayload, TcpPayload16, TcpPayload32],
                    DataBase::Udp => [UdpPayload, UdpPayload16, UdpPayload32],
                };
                self.field(fields[usize::from(width) / 2], offset)
            }
            Load::Field(field) => self.field(field, 0),
        }
    }

    fn word(&self, base: Base, offset: usize) -> Option<u32> {
        use Field::*;
        let booleans = [
            Outbound, Inbound, Loopback, Impostor, Ip, Ipv6, Icmp, Icmpv6, Tcp, Udp,
        ];
        let name = match base {
            Base::Status => {
                let bits = booleans.iter().enumerate();
                return Some(bits.fold(0, |word, (bit, field)| {
                    word | u32::from(self.field(*field, 0) == Some(1)) << bit
                }));
            }
            Base::Ip => Ip,
            Base::Ipv6 => Ipv6,
            Base::Icmp => Icmp,
            Base::Icmpv6 => Icmpv6,
            Base::Tcp => Tcp,
            Base::Udp => Udp,
        };
        if self.field(name, 0) != Some(1) {
            return None;
        }
        let start = match base {
            Base::Ip | Base::Ipv6 => 0,
            _ => self.headers()?.transport_offset()?,
        };
        let bytes = self.packet[start + offset..].first_chunk().unwrap();
        Some(u32::from_be_bytes(*bytes))
    }

    /// The value that a test of the field sees, by the stock algorithm.
    fn field(&self, field: Field, offset: i32) -> Option<u128> {
        let mut insn = Insn {
            field,
            ..Insn::ALWAYS
        };
        insn.args[1] = offset.cast_unsigned();
        let mut value = None;
        trace(&[insn], self.layer, self.packet, self.event, |step| {
            value = step.value;
        });
        value
    }
}
