//! `divertc fields`

use std::io::Write;

use divert_vm::{Field, Layer};

use crate::args::{FieldsArgs, FieldsFormat};
use crate::{Failure, Outcome};

pub(crate) fn run(args: &FieldsArgs) -> Result<Outcome, Failure> {
    let layer = args.layer.map(|name| name.layer());
    let exists = |field: &Field| layer.is_none_or(|layer| field.layers().contains(layer));
    let fields = Field::ALL.into_iter().filter(exists);
    let mut out = anstream::stdout();
    match args.format {
        FieldsFormat::Human => {
            for field in fields {
                let name = name(field);
                writeln!(out, "{name:20} {:34} {}", layers(field), field.doc())?;
            }
        }
        FieldsFormat::Markdown => {
            writeln!(
                out,
                "| field | layers | needs | meaning |\n|---|---|---|---|"
            )?;
            for field in fields {
                let (name, layers, needs) = (name(field), layers(field), needs(field));
                writeln!(out, "| `{name}` | {layers} | {needs} | {} |", field.doc())?;
            }
        }
        FieldsFormat::Json => {
            for field in fields {
                let (low, high) = field.field_type().range();
                let number = |value: divert_vm::Value| {
                    let sign = if value.negative { "-" } else { "" };
                    format!("{sign}{}", value.magnitude)
                };
                let json = serde_json::json!({
                    "id": field.id(),
                    "name": field.name(),
                    "layers": field.layers().iter().map(Layer::slug).collect::<Vec<_>>(),
                    "needs": field.presence().field().map(Field::name),
                    "indexed": field.field_type().is_data(),
                    "min": number(low),
                    "max": number(high),
                    "doc": field.doc(),
                });
                writeln!(out, "{json}")?;
            }
        }
    }
    Ok(Outcome::Fine)
}

fn name(field: Field) -> String {
    let index = if field.field_type().is_data() {
        "[i]"
    } else {
        ""
    };
    format!("{}{index}", field.name())
}

fn layers(field: Field) -> String {
    let layers: Vec<&str> = field.layers().iter().map(Layer::slug).collect();
    if layers.len() == Layer::ALL.len() {
        return "all".into();
    }
    layers.join(", ")
}

fn needs(field: Field) -> &'static str {
    field.presence().field().map_or("", Field::name)
}
