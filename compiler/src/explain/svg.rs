//! The instructions as a picture.
//!
//! Layered by the longest path from the first instruction, so that every
//! arrow points down. An arrow to the next layer is a line; one that goes
//! further runs through a track beside the picture, which all arrows to the
//! same instruction share. Horizontal pieces lie between the layers, where
//! there are no boxes, so no arrow crosses a box. Verdicts stand beside the
//! box that gives them, since nearly every box does.

use core::fmt::{self, Write};

use divert_vm::{Insn, Target};

use super::html::escape;
use super::test_text;
use crate::filter::Filter;

/// Longest text of a box, in characters; the rest is in its tooltip.
const MAX_LABEL: usize = 40;

const CHAR_WIDTH: u32 = 8;
const BOX_HEIGHT: u32 = 28;
/// From one layer to the next.
const LAYER_HEIGHT: u32 = 76;
/// Beside a box, for the verdicts it gives.
const WING: u32 = 84;
const GAP: u32 = 12;
const TRACK: u32 = 12;
const MARGIN: u32 = 16;

const STYLE: &str = "\
.divert{font:13px ui-monospace,monospace;color:#24292f}\
.divert rect,.divert path{fill:none;stroke:currentColor}\
.divert text{fill:currentColor}\
.divert .yes{color:#1a7f37}.divert .no{color:#cf222e}\
.divert .no path{stroke-dasharray:5 3}\
.divert .head{fill:currentColor;stroke:none}\
@media(prefers-color-scheme:dark){\
.divert{color:#d0d7de}.divert .yes{color:#4ac26b}.divert .no{color:#ff7b72}}";

/// The instructions as an SVG image, drawn without any other program.
///
/// # Examples
///
/// ```
/// use divert_compiler::{compile, explain::to_svg, Layer};
///
/// let svg = to_svg(&compile("tcp", Layer::Network)?);
/// assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
/// # Ok::<(), divert_compiler::Diagnostics>(())
/// ```
#[must_use]
pub fn to_svg(filter: &Filter) -> String {
    let insns = &filter.written().insns;
    let labels: Vec<String> = insns
        .iter()
        .enumerate()
        .map(|(at, insn)| format!("{at}: {}", test_text(insn, filter.layer())))
        .collect();
    let picture = Picture::new(insns, labels);
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = picture.write(&mut svg);
    svg
}

/// One instruction and its place.
struct Place {
    label: String,
    short: String,
    layer: u32,
    /// The middle of the box.
    x: u32,
    width: u32,
    success: Target,
    failure: Target,
    /// The track by which arrows from afar arrive.
    track: Option<u32>,
}

impl Place {
    const fn top(&self) -> u32 {
        MARGIN.saturating_add(self.layer.saturating_mul(LAYER_HEIGHT))
    }

    const fn bottom(&self) -> u32 {
        self.top().saturating_add(BOX_HEIGHT)
    }

    const fn left(&self) -> u32 {
        self.x.saturating_sub(half(self.width))
    }

    const fn right(&self) -> u32 {
        self.left().saturating_add(self.width)
    }

    /// The room beside the box for verdicts, the same on both sides so that
    /// boxes below each other line up.
    fn wing(&self) -> u32 {
        let verdict = |target: Target| target.index().is_none();
        if verdict(self.success) || verdict(self.failure) {
            WING
        } else {
            0
        }
    }

    /// The room that the box takes in its layer.
    fn cell(&self) -> u32 {
        let wings = self.wing().saturating_mul(2);
        self.width.saturating_add(wings).saturating_add(GAP)
    }
}

const fn half(length: u32) -> u32 {
    length.saturating_div(2)
}

struct Picture {
    places: Vec<Place>,
    /// Where the tracks begin.
    right: u32,
    width: u32,
    height: u32,
}

impl Picture {
    fn new(insns: &[Insn], labels: Vec<String>) -> Self {
        let layers = layers(insns);
        let places = insns.iter().zip(labels).zip(layers);
        let places = places.map(|((insn, label), layer)| {
            let short = shorten(&label);
            let chars = u32::try_from(short.chars().count()).unwrap_or(u32::MAX);
            Place {
                width: chars.saturating_mul(CHAR_WIDTH).saturating_add(16),
                label,
                short,
                layer,
                x: 0,
                success: insn.success,
                failure: insn.failure,
                track: None,
            }
        });
        let mut picture = Self {
            places: places.collect(),
            right: 0,
            width: 0,
            height: 0,
        };
        picture.arrange();
        picture.lay_tracks();
        picture
    }

    /// Puts the boxes of each layer side by side, all layers centred.
    fn arrange(&mut self) {
        let depth = self.places.iter().map(|place| place.layer).max();
        let depth = depth.unwrap_or_default().saturating_add(1);
        let mut widths = vec![0_u32; usize::try_from(depth).unwrap_or_default()];
        let layer = |place: &Place| usize::try_from(place.layer).unwrap_or_default();
        for place in &self.places {
            if let Some(width) = widths.get_mut(layer(place)) {
                *width = width.saturating_add(place.cell());
            }
        }
        let widest = widths.iter().copied().max().unwrap_or_default();
        let mut next: Vec<u32> = widths
            .iter()
            .map(|width| MARGIN.saturating_add(half(widest.saturating_sub(*width))))
            .collect();
        for place in &mut self.places {
            if let Some(left) = next.get_mut(layer(place)) {
                let start = left.saturating_add(place.wing());
                place.x = start.saturating_add(half(place.width));
                *left = left.saturating_add(place.cell());
            }
        }
        self.right = MARGIN.saturating_add(widest);
        self.width = self.right.saturating_add(MARGIN);
        self.height = MARGIN
            .saturating_mul(2)
            .saturating_add(depth.saturating_mul(LAYER_HEIGHT));
    }

    /// Gives a track to every instruction with an arrow from afar. Two share
    /// one if the upper ends where the lower begins, or before.
    fn lay_tracks(&mut self) {
        let mut spans: Vec<(u32, u32, usize)> = Vec::new();
        for (at, place) in self.places.iter().enumerate() {
            let from = self.places.iter().filter(|source| {
                let leads = |target: Target| target.index().map(usize::from) == Some(at);
                let far = source.layer.saturating_add(1) < place.layer;
                far && (leads(source.success) || leads(source.failure))
            });
            if let Some(start) = from.map(|source| source.layer).min() {
                spans.push((start, place.layer, at));
            }
        }
        spans.sort_unstable();
        let mut ends: Vec<u32> = Vec::new();
        for (start, end, at) in spans {
            let free = ends.iter().position(|taken| *taken <= start);
            let track = free.unwrap_or(ends.len());
            match ends.get_mut(track) {
                Some(taken) => *taken = end,
                None => ends.push(end),
            }
            if let Some(place) = self.places.get_mut(at) {
                place.track = u32::try_from(track).ok();
            }
        }
        let tracks = u32::try_from(ends.len()).unwrap_or(u32::MAX);
        self.width = self.width.saturating_add(tracks.saturating_mul(TRACK));
    }

    fn write(&self, svg: &mut String) -> fmt::Result {
        let (width, height) = (self.width, self.height);
        write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"divert\" role=\"img\" \
             width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
             <title>Instructions of the filter</title>\n<style>{STYLE}</style>\n"
        )?;
        for place in &self.places {
            self.write_box(svg, place)?;
        }
        for place in &self.places {
            if place.success == place.failure {
                self.arrow(svg, place, place.success, Branch::Both)?;
            } else {
                self.arrow(svg, place, place.success, Branch::Yes)?;
                self.arrow(svg, place, place.failure, Branch::No)?;
            }
        }
        svg.write_str("</svg>\n")
    }

    fn write_box(&self, svg: &mut String, place: &Place) -> fmt::Result {
        let (x, y, width) = (place.left(), place.top(), place.width);
        let (middle, line) = (place.x, y.saturating_add(19));
        let (title, text) = (escape(&place.label), escape(&place.short));
        writeln!(
            svg,
            "<g><title>{title}</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" \
             height=\"{BOX_HEIGHT}\" rx=\"4\"/>\
             <text x=\"{middle}\" y=\"{line}\" text-anchor=\"middle\">{text}</text></g>"
        )
    }

    fn arrow(&self, svg: &mut String, from: &Place, to: Target, branch: Branch) -> fmt::Result {
        let Some(index) = to.index() else {
            return verdict(svg, from, to, branch);
        };
        let Some(to) = self.places.get(usize::from(index)) else {
            return Ok(());
        };
        let third = from.width.saturating_div(3);
        let start = match branch {
            Branch::Yes => from.left().saturating_add(third),
            Branch::Both => from.x,
            Branch::No => from.right().saturating_sub(third),
        };
        let (class, letter) = branch.class();
        let (y, tip) = (from.bottom(), to.top());
        let near = from.layer.saturating_add(1) == to.layer;
        let (path, end) = match to.track.filter(|_| !near) {
            None => (
                format!("M{start} {y}L{} {}", to.x, tip.saturating_sub(6)),
                to.x,
            ),
            Some(track) => {
                let nudge = track.saturating_mul(3).checked_rem(18).unwrap_or_default();
                let x = self.right.saturating_add(track.saturating_mul(TRACK));
                let leave = y.saturating_add(10).saturating_add(nudge);
                let arrive = tip
                    .saturating_sub(10)
                    .saturating_sub(nudge.saturating_div(3));
                let end = to.x.saturating_add(6);
                let stop = tip.saturating_sub(6);
                let path = format!("M{start} {y}V{leave}H{x}V{arrive}H{end}V{stop}");
                (path, end)
            }
        };
        let (label_x, label_y) = (start.saturating_add(3), y.saturating_add(11));
        let (left, right) = (end.saturating_sub(4), end.saturating_add(4));
        let base = tip.saturating_sub(7);
        writeln!(
            svg,
            "<g class=\"{class}\"><path d=\"{path}\"/>\
             <path class=\"head\" d=\"M{left} {base}H{right}L{end} {tip}Z\"/>\
             <text x=\"{label_x}\" y=\"{label_y}\" font-size=\"10\">{letter}</text></g>"
        )
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Branch {
    Yes,
    No,
    /// The test does not matter.
    Both,
}

impl Branch {
    const fn class(self) -> (&'static str, &'static str) {
        match self {
            Self::Yes => ("yes", "T"),
            Self::No => ("no", "F"),
            Self::Both => ("any", ""),
        }
    }
}

/// A verdict beside the box: left if the test holds, right if it does not.
fn verdict(svg: &mut String, from: &Place, to: Target, branch: Branch) -> fmt::Result {
    let (class, letter) = branch.class();
    let word = super::goto(to);
    let y = from.top().saturating_add(half(BOX_HEIGHT));
    let line = y.saturating_add(4);
    let above = y.saturating_sub(3);
    let (start, tip, text, anchor, letter_x) = if branch == Branch::Yes {
        let start = from.left();
        let tip = start.saturating_sub(24);
        (
            start,
            tip,
            tip.saturating_sub(4),
            "end",
            start.saturating_sub(10),
        )
    } else {
        let start = from.right();
        let tip = start.saturating_add(24);
        (
            start,
            tip,
            tip.saturating_add(4),
            "start",
            start.saturating_add(4),
        )
    };
    let outcome = if to == Target::ACCEPT { "yes" } else { "no" };
    writeln!(
        svg,
        "<g class=\"{class}\"><path d=\"M{start} {y}H{tip}\"/>\
         <text x=\"{letter_x}\" y=\"{above}\" font-size=\"10\">{letter}</text></g>\
         <text class=\"{outcome}\" x=\"{text}\" y=\"{line}\" text-anchor=\"{anchor}\">{word}</text>"
    )
}

/// The length of the longest path to each instruction. Targets are forward,
/// so one pass will do.
fn layers(insns: &[Insn]) -> Vec<u32> {
    let mut layers = vec![0_u32; insns.len()];
    for (at, insn) in insns.iter().enumerate() {
        let below = layers.get(at).map_or(0, |layer| layer.saturating_add(1));
        for target in [insn.success, insn.failure] {
            let index = target.index().map(usize::from).filter(|index| *index > at);
            if let Some(layer) = index.and_then(|index| layers.get_mut(index)) {
                *layer = below.max(*layer);
            }
        }
    }
    layers
}

fn shorten(label: &str) -> String {
    match label.char_indices().nth(MAX_LABEL) {
        Some((at, _)) => format!("{}…", label.get(..at).unwrap_or_default()),
        None => label.to_owned(),
    }
}
