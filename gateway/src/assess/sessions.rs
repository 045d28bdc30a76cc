//! Blood pressure, session by session: grade 2, the control line, early and low lines, screening.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{
    concept::{Concept, Measure},
    control::{Judged, persists, spans},
    ledger::Bench,
    pack::{Pack, Persistence, PressureRepeats},
    patient::{Cohort, Condition},
    plan::{Tightened, control_line},
    quantity::Pressure,
    relapse::Component,
    session::{PastSession, Session, Sums},
    snug,
    state::State,
    words::{Words, setting_en, setting_zh},
};
use crate::domain::{Level, Millis, Setting, Timestamp};

/// What screening without a diagnosis remembers. Bounded: the last days that the pack asks for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Screening {
    /// The first high clinic session was found (BP-S1: the first ever).
    found: bool,
    /// The last clinic days, and whether any session of each was high (BP-S2).
    clinic_days: VecDeque<(i64, bool)>,
    /// The last home days with the sums of their readings (BP-S3).
    home_days: VecDeque<(i64, Sums)>,
    /// The home week has been judged: once per person.
    home_judged: bool,
}

/// A closed session with what the lines ask of the person at its time.
#[derive(Clone, Copy)]
struct Closed {
    session: Session,
    mean: Pressure,
    confirmed: bool,
    cohort: Cohort,
    /// Known hypertensive.
    known: bool,
    /// The line that controls the person in this setting; of the undiagnosed the screening line.
    control: Tightened<Pressure>,
    over: bool,
    /// Over the pack's line, whatever the person's own plan says.
    over_pack: bool,
    grade2: bool,
    /// Systolic under the low line: it opens only BP-L1 or BP-R.
    low: bool,
}

impl Closed {
    fn words(&self, zh: &str, en: &str) -> Words {
        let (setting, mean, count) = (self.session.setting, self.mean, self.session.sums.count);
        Words {
            zh: format!("{}血压均值{mean} mmHg（{count}次），{zh}", setting_zh(setting)),
            en: format!("{} mean {mean} mmHg of {count}, {en}", setting_en(setting)),
        }
    }
}

impl State {
    /// The open session is over: it is judged.
    pub(super) fn close_session(&mut self, bench: &mut Bench<'_>) {
        let Some(session) = self.session.take() else { return };
        let closed = closed(bench, *session);
        self.sessions.push(
            bench.pack,
            PastSession {
                at: session.first_at,
                setting: session.setting,
                mean: closed.mean,
                over: closed.over,
                over_pack: closed.over_pack,
                grade2: closed.grade2,
            },
        );
        self.irregular(bench, &closed);
        let screened = self.screen(bench.pack, &closed);
        if session.emergency {
            self.control_broken(Measure::BloodPressure);
        } else if closed.low {
            self.low(bench, &closed);
            self.control(bench, &closed);
        } else {
            self.grade2(bench, &closed);
            self.screened(bench, &closed, screened);
            self.control(bench, &closed);
            self.early(bench, &closed);
        }
        self.rising(bench, &closed);
    }

    /// BP-A1: at least 2 of at least 3 readings marked (M3). An emergency session too.
    fn irregular(&mut self, bench: &mut Bench<'_>, closed: &Closed) {
        let lines = &bench.pack.lines;
        let session = &closed.session;
        if session.sums.count >= lines.irregular_readings_min
            && session.irregular >= lines.irregular_marked_min
        {
            let (marked, count) = (session.irregular, session.sums.count);
            self.raise(bench, (Concept::IrregularPulse, Level::Yellow), session.last, || Words {
                zh: format!("{count}次测量中{marked}次提示脉搏不齐"),
                en: format!("{marked} of {count} readings marked irregular"),
            });
        }
    }

    /// BP-L1: a confirmed mean under 90 systolic, orange on drugs or from 65 years, else yellow
    /// (I13, A12); unconfirmed it only asks for a re-measure.
    fn low(&mut self, bench: &mut Bench<'_>, closed: &Closed) {
        let at = closed.session.last.at;
        let (line, older) = (bench.pack.lines.bp_low_sbp_lt, bench.pack.lines.bp_low_orange_age_ge);
        let why = || closed.words(&format!("收缩压低于{line}"), &format!("systolic under {line}"));
        if !closed.confirmed {
            self.raise(bench, (Concept::BpRemeasure, Level::Blue), closed.session.last, why);
            return;
        }
        let frail = bench.patient.has(Condition::Antihypertensive, at)
            || bench.patient.ages(at).oldest.is_some_and(|years| years >= older);
        let level = if frail { Level::Orange } else { Level::Yellow };
        self.raise(bench, (Concept::BpLow, level), closed.session.last, why);
    }

    /// BP-G2: a mean at or over 160/100, confirmed, or 2 of the last 3 sessions on 2 days; in C2 one
    /// reading is enough (CN2, I15). BP-R: a single reading there asks for a re-measure (I3).
    fn grade2(&mut self, bench: &mut Bench<'_>, closed: &Closed) {
        if !closed.grade2 {
            return;
        }
        let pack = bench.pack;
        let numbers = &pack.lines.bp_grade2;
        let line = numbers.line;
        let repeats = numbers.repeats();
        let past = self.sessions.newest_first().map(|past| (past.at, past.grade2));
        let repeated = persists(repeats, Millis(i64::MAX), past);
        let enough =
            closed.confirmed || numbers.one_reading_cohorts.contains(&closed.cohort) || repeated;
        let why = || closed.words(&format!("达到{line}"), &format!("at or over {line}"));
        let last = closed.session.last;
        if enough {
            self.raise(bench, (Concept::BpGrade2, Level::Orange), last, why);
        }
        if !closed.confirmed {
            self.raise(bench, (Concept::BpRemeasure, Level::Blue), last, why);
        }
    }

    /// BP-C1 and BP-C2 from readings, of known hypertensives.
    fn control(&mut self, bench: &mut Bench<'_>, closed: &Closed) {
        if !closed.known {
            return;
        }
        let pack = bench.pack;
        let week = self.week(pack, closed);
        let past = |past: &PastSession| (past.at, past.over);
        let by_pack = |past: &PastSession| (past.at, past.over_pack);
        let persistent = closed.over && self.persistent(pack, closed, past);
        let second = |line: Pressure, over: bool| {
            !closed.low && week.map_or(over, |mean| mean.reaches(line))
        };
        let judged = Judged {
            measure: Measure::BloodPressure,
            begun: closed.session.first_at,
            moment: closed.session.last,
            over: closed.over,
            persistent,
            persistent_own: persistent
                && !(closed.over_pack && self.persistent(pack, closed, by_pack)),
            decides_second: second(closed.control.line, closed.over),
            decides_second_own: !second(closed.control.pack, closed.over_pack),
        };
        let (line_zh, line_en) = closed.control.words();
        self.judge_control(bench, judged, &|| {
            let (zh, en) = match week {
                Some(mean) => (format!("，七日均值{mean}"), format!(", {mean} over seven days")),
                None => (String::new(), String::new()),
            };
            closed.words(&format!("控制线{line_zh}{zh}"), &format!("control line {line_en}{en}"))
        });
    }

    /// The mean of the sessions of the same setting that began less than 7 days before, this one
    /// included, where there are at least 3.
    fn week(&self, pack: &Pack, closed: &Closed) -> Option<Pressure> {
        let numbers = pack.repeat;
        let begun = closed.session.first_at;
        let same = self.sessions.newest_first().filter(|past| {
            past.setting == closed.session.setting && begun.since(past.at) < numbers.mean_window
        });
        let count = same.clone().count();
        let sums = same.fold(Sums::default(), |sums, past| sums.plus(Sums::of(past.mean)));
        (count >= numbers.mean_min).then(|| sums.mean())
    }

    /// Over the control line as often as 6.2 asks.
    fn persistent(
        &self,
        pack: &Pack,
        closed: &Closed,
        over: impl Fn(&PastSession) -> (Timestamp, bool),
    ) -> bool {
        let Persistence { window, pressure, .. } = *pack.persistence.of(closed.cohort);
        let past = || self.sessions.newest_first().map(&over);
        match pressure {
            PressureRepeats::Confirmed { singles } => {
                closed.confirmed || persists(singles, window, past())
            }
            PressureRepeats::Sessions { repeats, spaced } => {
                persists(repeats, window, past())
                    || spaced.is_some_and(|spaced| spans(spaced, window, past()))
            }
        }
    }

    /// BP-B1: confirmed, in the early band, under the control line: C1 and C2 under 65, and C1 to C3
    /// without a diagnosis (CN1, I5).
    fn early(&mut self, bench: &mut Bench<'_>, closed: &Closed) {
        let at = closed.session.last.at;
        let lines = &bench.pack.lines;
        let youngest = bench.patient.ages(at).youngest;
        let older = youngest.is_some_and(|years| years >= bench.pack.ages.older_from);
        let line = if closed.known { &lines.bp_early_lt65 } else { &lines.bp_early_nodx };
        // By the pack's own line: a plan takes no early alert away.
        if closed.over_pack
            || !closed.confirmed
            || (closed.known && older)
            || !line.cohorts.contains(&closed.cohort)
        {
            return;
        }
        let reached = match closed.session.setting {
            Setting::Clinic => closed.mean.reaches(line.office),
            Setting::Home => closed.mean.systolic >= line.home_sbp,
        };
        if reached {
            let (office, home) = (line.office, line.home_sbp);
            self.raise(bench, (Concept::BpEarlyLine, Level::Blue), closed.session.last, || {
                let zh = format!("达到早期线（诊室{office}，家庭收缩压{home}）");
                let en = format!("at the early line (office {office}, home systolic {home})");
                closed.words(&zh, &en)
            });
        }
    }

    /// Keeps what screening needs of a session, and says which screening lines it completes.
    fn screen(&mut self, pack: &Pack, closed: &Closed) -> Screened {
        if closed.known {
            return Screened::default();
        }
        match closed.session.setting {
            Setting::Clinic => {
                let high =
                    closed.mean.reaches(pack.lines.bp_screen_office) || closed.session.emergency;
                self.screening.clinic(pack.lines.clinic_screen_days, closed.session.day(), high)
            }
            Setting::Home => {
                let week = self.screening.home(pack, closed.session.day(), closed.session.sums);
                Screened { week, ..Screened::default() }
            }
        }
    }

    /// BP-S1: the first clinic mean at or over 140/90 ever (CN1, CN3). BP-S2: the last 3 separate
    /// clinic days all high (CN1). BP-S3: seven home days, the first dropped, at least 12 readings,
    /// mean at or over 135/85 (CN2, M6).
    fn screened(&mut self, bench: &mut Bench<'_>, closed: &Closed, screened: Screened) {
        let lines = &bench.pack.lines;
        let (office, home) = (lines.bp_screen_office, lines.bp_screen_home_mean);
        let days = lines.clinic_screen_days;
        let last = closed.session.last;
        if screened.suspected {
            self.raise(bench, (Concept::BpSuspectedHtn, Level::Orange), last, || {
                let zh = format!("连续{days}个不同日达到{office}");
                closed.words(&zh, &format!("the last {days} days all at or over {office}"))
            });
        }
        if screened.first {
            self.raise(bench, (Concept::BpFirstFound, Level::Yellow), last, || {
                closed.words(&format!("首次达到{office}"), &format!("first at or over {office}"))
            });
        }
        if let Some(mean) = screened.week.filter(|mean| mean.reaches(home)) {
            self.raise(bench, (Concept::BpSuspectedHome, Level::Yellow), last, || Words {
                zh: format!("家庭自测均值{mean} mmHg（去掉首日），达到{home}"),
                en: format!("home mean {mean} mmHg without the first day, at or over {home}"),
            });
        }
    }

    /// A trend component of the poverty-relapse line; emergency sessions included.
    fn rising(&mut self, bench: &mut Bench<'_>, closed: &Closed) {
        let series = match closed.session.setting {
            Setting::Home => &mut self.rising_home,
            Setting::Clinic => &mut self.rising_clinic,
        };
        let value = (closed.session.first_at, closed.mean.systolic);
        if series.push(bench.pack, bench.pack.relapse.trend.sbp_step, value) {
            self.component(bench, Component::RisingTrend, closed.session.last);
        }
    }
}

/// Which screening lines a session completes.
#[derive(Debug, Clone, Copy, Default)]
struct Screened {
    first: bool,
    suspected: bool,
    week: Option<Pressure>,
}

impl Screening {
    fn clinic(&mut self, days: usize, day: i64, high: bool) -> Screened {
        match self.clinic_days.back_mut() {
            Some(last) if last.0 == day => last.1 |= high,
            Some(_) | None => snug::push_back(&mut self.clinic_days, (day, high)),
        }
        while self.clinic_days.len() > days {
            self.clinic_days.pop_front();
        }
        let first = high && !self.found;
        self.found |= high;
        let all_high = self.clinic_days.iter().all(|(_, high)| *high);
        let suspected = high && all_high && self.clinic_days.len() == days;
        Screened { first, suspected, week: None }
    }

    /// The mean of the week, at the first session at which it exists.
    fn home(&mut self, pack: &Pack, day: i64, sums: Sums) -> Option<Pressure> {
        if self.home_judged {
            return None;
        }
        let numbers = pack.lines.home_screen;
        match self.home_days.back_mut() {
            Some(last) if last.0 == day => last.1 = last.1.plus(sums),
            Some(_) | None => snug::push_back(&mut self.home_days, (day, sums)),
        }
        while self.home_days.len() > numbers.days {
            self.home_days.pop_front();
        }
        if self.home_days.len() < numbers.days {
            return None;
        }
        let counted = self.home_days.iter().skip(numbers.dropped_days);
        let sums = counted.fold(Sums::default(), |sums, (_, day)| sums.plus(*day));
        self.home_judged = sums.count >= numbers.readings_min;
        self.home_judged.then(|| sums.mean())
    }
}

fn closed(bench: &Bench<'_>, session: Session) -> Closed {
    let at = session.last.at;
    let known = bench.patient.has(Condition::Hypertension, at);
    let mean = session.sums.mean();
    let control = control_line(bench, session.setting, known, at);
    Closed {
        session,
        mean,
        confirmed: session.confirmed(bench.pack),
        cohort: bench.patient.cohort(bench.pack, at),
        known,
        control,
        over: session.emergency || mean.reaches(control.line),
        over_pack: session.emergency || mean.reaches(control.pack),
        grade2: session.emergency || mean.reaches(bench.pack.lines.bp_grade2.line),
        low: mean.systolic < bench.pack.lines.bp_low_sbp_lt,
    }
}
