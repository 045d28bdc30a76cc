//! A printer against a simulated one on a pseudo terminal.

use simulators::printer::{Fault, PaperRoll};

use super::*;
use crate::{domain::Level, slip::text::sample, store::fixtures::id};

struct Bench {
    printer: Printer,
    paper: PaperRoll,
    supervisor: Supervisor,
    _folder: tempfile::TempDir,
}

fn bench(fault: Fault) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let port = folder.path().join("printer");
    let paper = PaperRoll::plug(&port).unwrap();
    paper.become_(fault);
    let supervisor = Supervisor::new();
    let line = PrinterLine { port, baud: 115_200, site: id("V03"), bench: id("B1"), columns: 32 };
    let printer = Printer::start(line, &supervisor);
    Bench { printer, paper, supervisor, _folder: folder }
}

impl Bench {
    /// Runs the printer while something is waited for.
    async fn meanwhile<T>(&self, wanted: impl Future<Output = T>) -> T {
        let limited = timeout(Duration::from_secs(20), wanted);
        tokio::select! {
            done = limited => done.expect("it takes too long"),
            ended = self.paper.run() => panic!("the printer ended: {ended:?}"),
        }
    }

    async fn state(&self, wanted: PrinterState) {
        let mut state = self.printer.state.clone();
        self.meanwhile(async { state.wait_for(|now| *now == wanted).await.map(|_| ()) })
            .await
            .unwrap();
    }

    async fn end(self) {
        self.supervisor.stop();
        self.supervisor.wait().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_on_paper_is_what_the_slip_says() {
    let bench = bench(Fault::None);
    let slip = Slip { person: "王𠮷芳".to_owned(), ..sample(Some(Level::Red)) };
    let done = bench.printer.print(&slip).unwrap();
    assert!(bench.meanwhile(done).await.unwrap());
    let lines = described(&slip).lines(32);
    let expected: Vec<(String, bool)> =
        lines.into_iter().map(|line| (line.text, line.large)).collect();
    assert_eq!(bench.paper.lines(), expected);
    let text: String = bench.paper.lines().into_iter().map(|(text, _)| text).collect();
    assert!(!text.contains('𠮷') && text.contains("红色 危急"), "{text}");
    bench.end().await;
}

#[tokio::test]
async fn a_printer_without_paper_is_told_of_and_prints_when_it_has_some() {
    let bench = bench(Fault::NoPaper);
    let done = bench.printer.print(&sample(None)).unwrap();
    bench.state(PrinterState::NoPaper).await;
    assert_eq!(bench.paper.lines(), []);
    bench.paper.become_(Fault::None);
    assert!(bench.meanwhile(done).await.unwrap());
    assert_eq!(bench.paper.lines().len(), sample(None).lines(32).len());
    bench.end().await;
}

#[tokio::test]
async fn a_line_without_a_way_back_is_printed_on_all_the_same() {
    let bench = bench(Fault::Mute);
    let done = bench.printer.print(&sample(None)).unwrap();
    assert!(bench.meanwhile(done).await.unwrap());
    assert!(!bench.paper.lines().is_empty());
    bench.end().await;
}

#[tokio::test]
async fn a_roll_that_ends_within_a_slip_prints_it_again_from_its_beginning() {
    let bench = bench(Fault::EndsAfter(3));
    let done = bench.printer.print(&sample(None)).unwrap();
    bench.state(PrinterState::NoPaper).await;
    let torn = bench.paper.lines().len();
    bench.paper.become_(Fault::None);
    assert!(bench.meanwhile(done).await.unwrap());
    let whole = sample(None).lines(32);
    let all = bench.paper.lines();
    assert_eq!(all.len(), torn + whole.len());
    assert_eq!(all[torn].0, whole[0].text);
    bench.end().await;
}

#[tokio::test]
async fn an_unplugged_printer_stops_nothing_and_no_more_slips_wait_than_may() {
    let supervisor = Supervisor::new();
    let port = PathBuf::from("/nonexistent/printer");
    let line = PrinterLine { port, baud: 9600, site: id("V03"), bench: id("B1"), columns: 32 };
    let printer = Printer::start(line, &supervisor);
    let mut state = printer.state.clone();
    state.wait_for(|now| *now == PrinterState::Unplugged).await.unwrap();
    let mut told = Vec::new();
    while let Ok(waits) = printer.print(&sample(None)) {
        told.push(waits);
        assert!(told.len() <= WAITS + 1, "more wait than may");
    }
    assert!(printer.waiting() >= WAITS - 1);
    supervisor.stop();
    supervisor.wait().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slip_is_given_up_when_its_person_has_long_left() {
    let supervisor = Supervisor::new();
    let port = PathBuf::from("/nonexistent/printer");
    let line = PrinterLine { port, baud: 9600, site: id("V03"), bench: id("B1"), columns: 32 };
    let printer = Printer::start(line, &supervisor);
    let began = Instant::now();
    assert!(!printer.print(&sample(None)).unwrap().await.unwrap());
    let waited = began.elapsed();
    assert!(waited >= PATIENCE && waited < PATIENCE * 2, "{waited:?}");
    supervisor.stop();
}
