//! Columns that no step of a pipeline looks at need not be spread over its rows to be collected: those that lie in the
//! files as codes of dictionaries are read as such, and those that a join adds may be the numbers of build rows. Batches
//! then have dictionaries in the place of such columns, whatever the schemas of the steps say. Next in the flow: the
//! run, which spreads what goes into an exchange after all, and `partita_kernels::packed`.

use std::collections::BTreeSet;

use super::{JoinStep, Pipeline, PipelineStep, Sink, Source};
use crate::op::{JoinKind, Operator, OutputColumn};

/// Where a column comes from that no step has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    /// A column of the scanned source.
    Scan(usize),
    /// A build column that is a column of the output of the join at a place.
    Join { place: usize, column: usize },
}

/// What is known of columns on the way through a pipeline.
struct Trace {
    /// Of each column, if it is unchanged.
    origins: Vec<Option<Origin>>,
    looked_at: BTreeSet<Origin>,
}

impl Pipeline {
    /// Asks for codes where rows are only kept in the sink behind it.
    pub(super) fn read_as_codes(&mut self, sink: &Sink) {
        let (looked_at, with_numbers): (&[usize], bool) = match sink {
            Sink::Collect(_) => (&[], true),
            // Numbers take as few bytes there without codes, and all parts of a column become one.
            Sink::Rows(_) => (&[], false),
            Sink::Build(keys) => (&keys.columns, false),
            Sink::Hash(_) | Sink::Sort(_) | Sink::Keep | Sink::Write { .. } => return,
        };
        let mut trace = Trace::of_source(&self.source);
        for (place, step) in self.steps.iter().enumerate() {
            match step {
                PipelineStep::Operator(operator) => trace.through(&**operator),
                PipelineStep::Join(join) => trace.through_join(place, join),
                // They compare keys as a join does, from whatever form.
                PipelineStep::Reduce(_) | PipelineStep::Enough { .. } => {}
                PipelineStep::Number { .. } => trace.origins.push(None),
            }
        }
        let seen: Vec<Origin> = looked_at.iter().filter_map(|&column| trace.origin(column)).collect();
        trace.looked_at.extend(seen);
        let unseen = trace.origins.into_iter().flatten();
        let unseen: BTreeSet<Origin> = unseen.filter(|origin| !trace.looked_at.contains(origin)).collect();
        for origin in unseen {
            match (origin, &mut self.source) {
                (Origin::Scan(column), Source::Scan { source, request, .. }) => {
                    let is_number = source.schema().field(column).data_type().is_primitive();
                    if (with_numbers || !is_number) && source.is_coded(column) {
                        request.coded.push(column);
                    }
                }
                (Origin::Scan(_), _) => {}
                (Origin::Join { place, column }, _) => {
                    if let Some(PipelineStep::Join(join)) = self.steps.get_mut(place) {
                        join.coded.push(column);
                    }
                }
            }
        }
    }

    /// The same where rows go into an exchange after all.
    pub(crate) fn without_codes(mut self) -> Pipeline {
        self.source = self.source.without_codes();
        for step in &mut self.steps {
            if let PipelineStep::Join(join) = step {
                join.coded.clear();
            }
        }
        self
    }
}

impl Source {
    /// The same with every column spread over the rows.
    pub(crate) fn without_codes(mut self) -> Source {
        if let Source::Scan { request, .. } = &mut self {
            request.coded.clear();
        }
        self
    }
}

impl Trace {
    fn of_source(source: &Source) -> Trace {
        let origins = match source {
            Source::Scan { source, request, .. } => match &request.projection {
                Some(columns) => columns.iter().map(|&column| Some(Origin::Scan(column))).collect(),
                None => {
                    (0..source.schema().fields().len()).map(|column| Some(Origin::Scan(column))).collect()
                }
            },
            _ => Vec::new(),
        };
        Trace { origins, looked_at: BTreeSet::new() }
    }

    fn origin(&self, column: usize) -> Option<Origin> {
        self.origins.get(column).copied().flatten()
    }

    fn through(&mut self, operator: &dyn Operator) {
        let seen = (0..self.origins.len()).filter(|&column| operator.looks_at(column));
        let seen: Vec<Origin> = seen.filter_map(|column| self.origin(column)).collect();
        self.looked_at.extend(seen);
        let columns = 0..operator.schema().fields().len();
        self.origins =
            columns.map(|column| operator.input_of(column).and_then(|input| self.origin(input))).collect();
    }

    fn through_join(&mut self, place: usize, join: &JoinStep) {
        for output in &join.shape.output {
            if let OutputColumn::Key { probe, .. } = output {
                self.looked_at.extend(self.origin(*probe));
            }
        }
        // An outer join is cut into an exchange whatever its sides are.
        let is_probed = join.shape.kind != JoinKind::Outer;
        let origin = |(column, output): (usize, &OutputColumn)| match output {
            OutputColumn::Build(_) if is_probed => Some(Origin::Join { place, column }),
            _ => self.origin(join.shape.probe_of(column)?),
        };
        self.origins = join.shape.output.iter().enumerate().map(origin).collect();
    }
}
