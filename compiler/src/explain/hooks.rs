//! Where a driver hooks into the Windows Filtering Platform for a filter.

use divert_vm::Layer;

use crate::flags::FilterFlags;

/// A WFP layer, and the flags that all must be set for a callout there.
type Hook = (&'static str, FilterFlags, FilterFlags);

const V4: FilterFlags = FilterFlags::IPV4;
const V6: FilterFlags = FilterFlags::IPV6;

const NETWORK: [Hook; 4] = [
    ("INBOUND_IPPACKET_V4", V4, FilterFlags::INBOUND),
    ("OUTBOUND_IPPACKET_V4", V4, FilterFlags::OUTBOUND),
    ("INBOUND_IPPACKET_V6", V6, FilterFlags::INBOUND),
    ("OUTBOUND_IPPACKET_V6", V6, FilterFlags::OUTBOUND),
];

const FORWARD: [Hook; 2] = [("IPFORWARD_V4", V4, V4), ("IPFORWARD_V6", V6, V6)];

const FLOW: [Hook; 2] = [
    ("ALE_FLOW_ESTABLISHED_V4", V4, V4),
    ("ALE_FLOW_ESTABLISHED_V6", V6, V6),
];

const SOCKET: [Hook; 12] = [
    ("ALE_RESOURCE_ASSIGNMENT_V4", V4, FilterFlags::SOCKET_BIND),
    ("ALE_AUTH_CONNECT_V4", V4, FilterFlags::SOCKET_CONNECT),
    ("ALE_AUTH_LISTEN_V4", V4, FilterFlags::SOCKET_LISTEN),
    ("ALE_AUTH_RECV_ACCEPT_V4", V4, FilterFlags::SOCKET_ACCEPT),
    ("ALE_RESOURCE_RELEASE_V4", V4, FilterFlags::SOCKET_CLOSE),
    ("ALE_ENDPOINT_CLOSURE_V4", V4, FilterFlags::SOCKET_CLOSE),
    ("ALE_RESOURCE_ASSIGNMENT_V6", V6, FilterFlags::SOCKET_BIND),
    ("ALE_AUTH_CONNECT_V6", V6, FilterFlags::SOCKET_CONNECT),
    ("ALE_AUTH_LISTEN_V6", V6, FilterFlags::SOCKET_LISTEN),
    ("ALE_AUTH_RECV_ACCEPT_V6", V6, FilterFlags::SOCKET_ACCEPT),
    ("ALE_RESOURCE_RELEASE_V6", V6, FilterFlags::SOCKET_CLOSE),
    ("ALE_ENDPOINT_CLOSURE_V6", V6, FilterFlags::SOCKET_CLOSE),
];

/// The WFP layers at which a driver installs callouts, without the prefix
/// `FWPM_LAYER_` (spec: driver, section 4.1).
pub(super) fn of(flags: FilterFlags, layer: Layer) -> Vec<&'static str> {
    let hooks: &[Hook] = match layer {
        Layer::Network => &NETWORK,
        Layer::NetworkForward => &FORWARD,
        Layer::Flow => &FLOW,
        Layer::Socket => &SOCKET,
        Layer::Reflect => &[],
    };
    let installed = |(_, family, what): &&Hook| flags.contains(*family) && flags.contains(*what);
    let names = hooks.iter().filter(installed).map(|(name, ..)| *name);
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Compiler;

    fn hooks(text: &str, layer: Layer) -> Vec<&'static str> {
        let filter = Compiler::new().layer(layer).compile(text).unwrap();
        of(filter.flags(), layer)
    }

    #[test]
    fn callouts_follow_the_flags() {
        assert_eq!(
            hooks("inbound and ip", Layer::Network),
            ["INBOUND_IPPACKET_V4"]
        );
        assert_eq!(hooks("true", Layer::NetworkForward).len(), 2);
        assert_eq!(hooks("true", Layer::Socket).len(), 12);
        let close = hooks("event = CLOSE", Layer::Socket);
        assert_eq!(close.len(), 4);
        assert!(hooks("true", Layer::Reflect).is_empty());
        assert!(hooks("false", Layer::Network).is_empty());
    }
}
