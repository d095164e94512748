//! Columns and their types from the first rows, or once more from all of them.

use std::collections::HashMap;
use std::ops::Range;

use arrow::datatypes::DataType;

use super::column::Column;
use super::json::{Json, Token};
use super::shape::{Members, Shape};
use super::{BadRows, Files, Piece};
use crate::together::in_order;
use crate::{Error, ReadContext, Result};

/// How the type of a column is known.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Given(DataType),
    Inferred(Shape),
}

impl Kind {
    pub(super) fn column(&self) -> Result<Column> {
        match self {
            Kind::Given(data_type) => Column::given(data_type),
            Kind::Inferred(shape) => Column::inferred(shape),
        }
    }

    pub(super) fn is_inferred(&self) -> bool {
        matches!(self, Kind::Inferred(_))
    }
}

/// The columns of a source.
#[derive(Debug)]
pub(super) struct Kinds {
    columns: Vec<(String, Kind)>,
    index: HashMap<String, usize>,
}

impl Kinds {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Kind)> {
        self.columns.iter().map(|(name, kind)| (name.as_str(), kind))
    }
    pub(super) fn get(&self, column: usize) -> &(String, Kind) {
        &self.columns[column]
    }
    /// Which column a key names. Objects mostly have their keys in one order, so `likely` is looked at first.
    pub(super) fn position(&self, name: &str, likely: usize) -> Option<usize> {
        match self.columns.get(likely) {
            Some((column, _)) if column == name => Some(likely),
            _ => self.index.get(name).copied(),
        }
    }
}

/// What some rows hold.
#[derive(Debug)]
pub(super) struct Sample {
    members: Members,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Sample {
    /// Looks at the first `rows` rows of the files; at all of them without a number.
    pub(super) fn take(files: &Files, rows: Option<usize>, context: &ReadContext) -> Result<Self> {
        let Some(rows) = rows else { return Sample::of_all(files, &Members::default(), None, context) };
        let mut sample = Sample::new(Members::default());
        for (file, info) in files.listing.files.iter().enumerate() {
            if sample.rows < rows as u64 {
                sample.look(files, file, 0..info.len, rows as u64, None, context)?;
            }
        }
        Ok(sample)
    }

    /// Looks at all rows for values of the columns `wanted`; the others stay as they are.
    pub(super) fn again(
        files: &Files,
        known: &Kinds,
        wanted: &[usize],
        context: &ReadContext,
    ) -> Result<Self> {
        let mut members = Members::default();
        for (name, kind) in known.iter() {
            if let Kind::Inferred(shape) = kind {
                *members.entry(name) = shape.clone();
            }
        }
        let names: Vec<&str> = wanted
            .iter()
            .filter(|&&column| column < known.columns.len())
            .map(|&column| &*known.get(column).0)
            .collect();
        Sample::of_all(files, &members, Some(&names), context)
    }

    fn new(members: Members) -> Self {
        Sample { members, rows: 0, bytes: 0 }
    }

    /// Looks at all rows, at many pieces of the files at once, and puts together what was found in their order.
    fn of_all(files: &Files, known: &Members, only: Option<&[&str]>, context: &ReadContext) -> Result<Self> {
        let all = 0..files.listing.files.len();
        let pieces = files.pieces(all);
        let found = in_order("NDJSON", context.threads, pieces.len(), |number| {
            let Piece { file, range } = pieces[number].clone();
            let mut sample = Sample::new(known.clone());
            sample.look(files, file, range, u64::MAX, only, context)?;
            Ok(sample)
        })?;
        Ok(found.into_iter().fold(Sample::new(known.clone()), |mut all, piece| {
            all.members.merge(piece.members);
            Sample { members: all.members, rows: all.rows + piece.rows, bytes: all.bytes + piece.bytes }
        }))
    }

    fn look(
        &mut self,
        files: &Files,
        file: usize,
        range: Range<u64>,
        rows: u64,
        only: Option<&[&str]>,
        context: &ReadContext,
    ) -> Result<()> {
        let mut lines = files.lines(file, range, context)?;
        while self.rows < rows {
            let Some(line) = lines.next()? else { break };
            let bytes = lines.bytes(&line);
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            self.bytes += bytes.len() as u64 + 1;
            self.rows += 1;
            if let Err((reason, at)) = self.add(bytes, only, context.limits.nesting)
                && files.options.bad_rows == BadRows::Error
            {
                return Err(Error::corrupt(format!("the line is not a JSON object: {reason}"))
                    .at_line(lines.number()?)
                    .at_byte(line.byte + at as u64)
                    .in_file(&files.listing.files[file].path));
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        bytes: &[u8],
        only: Option<&[&str]>,
        nesting: usize,
    ) -> std::result::Result<(), (&'static str, usize)> {
        let text =
            simdutf8::compat::from_utf8(bytes).map_err(|error| ("it is not UTF-8", error.valid_up_to()))?;
        // A bad row must not leave half of itself in the shapes, so it is checked first.
        let mut json = Json::new(text, nesting);
        let token = json.token().map_err(|broken| (broken.what, broken.at))?;
        if token != Token::Object {
            return Err(("it is another value", 0));
        }
        let from_here = json.clone();
        json.skip(&token).and_then(|()| json.end()).map_err(|broken| (broken.what, broken.at))?;
        let mut json = from_here;
        let mut first = true;
        let mut add = || {
            while let Some(key) = json.next_key(&mut first)? {
                let token = json.token()?;
                if only.is_none_or(|names| names.contains(&&*key)) {
                    self.members.entry(&key).add(&mut json, &token)?;
                } else {
                    json.skip(&token)?;
                }
            }
            Ok(())
        };
        add().map_err(|broken: super::json::Broken| (broken.what, broken.at))
    }

    /// The columns, with the types that the caller gave in place of those inferred.
    pub(super) fn into_kinds(self, given: &[(String, DataType)]) -> Result<Kinds> {
        let mut columns: Vec<(String, Kind)> = Vec::new();
        for (name, shape) in self.members.iter() {
            let kind = match given.iter().find(|(given, _)| given == name) {
                Some((_, data_type)) => Kind::Given(data_type.clone()),
                None => Kind::Inferred(shape.clone()),
            };
            columns.push((name.to_string(), kind));
        }
        for (name, data_type) in given {
            if self.members.get(name).is_none() {
                columns.push((name.clone(), Kind::Given(data_type.clone())));
            }
        }
        if columns.is_empty() {
            return Err(Error::invalid(
                "there is no row to take columns from, and no type was given; give the types of the columns, or \
                 leave the empty files out",
            ));
        }
        let index = columns.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
        Ok(Kinds { columns, index })
    }
}
