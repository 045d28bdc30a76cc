//! Boards for streams: counted once for all viewers of a scope.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::OnceCell, time::Instant};

use crate::{
    serve::{caller::Caller, describe, refusal::Refusal, scope::View, shared::Shared, wire},
    store::{CommitSeq, view::Scope},
};

/// A board is sent at most so often (CONTRACT: four times a second).
pub(super) const INTERVAL: Duration = Duration::from_millis(250);

/// Scopes kept. Full: the oldest leaves.
const KEPT: usize = 256;

type Cell = Arc<OnceCell<Arc<wire::Board>>>;

#[derive(Debug)]
struct Counted {
    scope: Scope,
    view: View,
    position: CommitSeq,
    begun: Instant,
    cell: Cell,
}

/// The newest board of each scope.
#[derive(Debug, Default)]
pub(super) struct Boards(Mutex<Vec<Counted>>);

impl Boards {
    /// A board that counts everything up to a position, as far as the store has.
    pub(super) async fn at(
        &self,
        shared: &Arc<Shared>,
        caller: &Caller,
        position: CommitSeq,
    ) -> Result<Arc<wire::Board>, Refusal> {
        let (scope, view) = (caller.reach.board.clone(), caller.reach.view);
        let cell = self.cell(shared, &scope, view, position);
        let count = || async {
            shared
                .ask(move |shared| describe::board(shared, &scope, view, None))
                .await
                .map(Arc::new)
        };
        cell.get_or_try_init(count).await.map(Arc::clone)
    }

    fn cell(&self, shared: &Shared, scope: &Scope, view: View, position: CommitSeq) -> Cell {
        let now = Instant::now();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = kept.iter().position(|counted| counted.scope == *scope && counted.view == view);
        let fresh = of.and_then(|at| kept.get(at)).filter(|counted| {
            counted.position >= position && now.duration_since(counted.begun) < INTERVAL
        });
        if let Some(fresh) = fresh {
            return Arc::clone(&fresh.cell);
        }
        if let Some(at) = of {
            kept.remove(at);
        } else if kept.len() >= KEPT {
            kept.remove(0);
        }
        let position = position.max(*shared.live.published.borrow());
        let cell = Cell::default();
        let counted =
            Counted { scope: scope.clone(), view, position, begun: now, cell: Arc::clone(&cell) };
        kept.push(counted);
        cell
    }
}

/// Whether two boards show the same counted numbers.
pub(super) fn same(a: &wire::Board, b: &wire::Board) -> bool {
    let plain =
        |board: &wire::Board| wire::Board { cursor: 0, as_of: String::new(), ..board.clone() };
    plain(a) == plain(b)
}
