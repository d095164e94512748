//! `partita schema`: the columns and their types.

use std::sync::Arc;

use partita::arrow::array::{ArrayRef, RecordBatch, StringViewArray};
use partita::arrow::datatypes::{DataType, Field, Schema};

use crate::arguments::SchemaArguments;
use crate::failure::Failure;
use crate::running::Running;
use crate::{output, reading, types};

pub(crate) fn run(arguments: &SchemaArguments) -> Result<(), Failure> {
    let running = Running::start(&arguments.run)?;
    let schema = reading::frame(&arguments.sources, &arguments.read, &running.session)?.schema()?;
    let names = schema.fields().iter().map(|field| Some(field.name().as_str()));
    let types = schema.fields().iter().map(|field| Some(types::name(field.data_type())));
    let columns: Vec<ArrayRef> =
        vec![Arc::new(names.collect::<StringViewArray>()), Arc::new(types.collect::<StringViewArray>())];
    let text = |name| Field::new(name, DataType::Utf8View, false);
    let printed = Arc::new(Schema::new(vec![text("column"), text("type")]));
    let batch = RecordBatch::try_new(Arc::clone(&printed), columns).map_err(partita::Error::from)?;
    output::print(&arguments.output, &printed, &[batch])
}
