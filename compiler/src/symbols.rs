//! Macros: names that stand for numbers.

use divert_vm::{Layer, LayerSet};

/// What a name in capitals stands for at one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Macro {
    Value(u128),
    /// An event of other layers only.
    OtherLayers(LayerSet),
}

/// Macros that mean the same everywhere.
const CONSTANTS: [(&str, u128); 6] = [
    ("TRUE", 1),
    ("FALSE", 0),
    ("TCP", 6),
    ("UDP", 17),
    ("ICMP", 1),
    ("ICMPV6", 58),
];

/// Looks up a macro as it expands at `layer`.
pub(crate) fn lookup(name: &str, layer: Layer) -> Option<Macro> {
    // Every macro begins with a capital, and hardly any other word does.
    if !name.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    let named = |(key, value)| (key == name).then_some(value);
    let constant = CONSTANTS.into_iter().find_map(named);
    let layer_number = || {
        let found = Layer::ALL.into_iter().find(|l| l.name() == name)?;
        Some(found.as_u8().into())
    };
    if let Some(value) = constant
        .or_else(layer_number)
        .or_else(|| event(name, layer))
    {
        return Some(Macro::Value(value));
    }
    let others = Layer::ALL.into_iter().filter(|l| event(name, *l).is_some());
    let others: LayerSet = others.collect();
    (others.iter().next().is_some()).then_some(Macro::OtherLayers(others))
}

/// The names of all macros that expand at `layer`.
pub(crate) fn names(layer: Layer) -> impl Iterator<Item = &'static str> {
    let constants = CONSTANTS.into_iter().map(|(name, _)| name);
    let layers = Layer::ALL.into_iter().map(Layer::name);
    let events = layer.events().iter().map(|(name, _)| *name);
    constants.chain(layers).chain(events)
}

fn event(name: &str, layer: Layer) -> Option<u128> {
    let (_, number) = layer.events().iter().find(|(key, _)| *key == name)?;
    Some(u128::from(*number))
}
