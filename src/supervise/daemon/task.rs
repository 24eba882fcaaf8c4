//! The task that owns one daemon: takes orders, waits for what happens, and does what the next state needs.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::command;
use super::configuration;
use super::error::DaemonError;
use super::launch::prepare;
use super::order::{Change, DaemonStatus, Memory, Order, Reply};
use super::place::DaemonPlace;
use super::probe;
use super::processes::{self, Left};
use super::spec::{Daemon, Difference, Reload, Running, Stop};
use super::state::{DaemonEvent, DaemonState};
use crate::supervise::ending::Ending;
use crate::supervise::keeper;
use crate::supervise::record::{Progress, Record, progress};
use crate::sys::{blocking, chain};
use crate::task::backoff::BackOff;

/// Where every line of an agent's log comes from.
const LOGGER: &str = "conpaas.core.agent";

/// One daemon. Nothing else changes it or its files.
pub(crate) struct DaemonTask {
    place: DaemonPlace,
    /// The program that stays beside daemons: this one.
    keeper: PathBuf,
    daemon: Option<Daemon>,
    state: DaemonState,
    back_off: BackOff,
    ready_since: Option<Instant>,
    /// When waiting for an answer, or for the next start, is over.
    deadline: Instant,
    /// Who waits until it is ready, and what is to be said then.
    waiting: Option<(Reply, Change)>,
    reason: Option<String>,
    status: watch::Sender<DaemonStatus>,
}

enum Happened {
    Ordered(Order),
    Event(DaemonEvent, String),
}

impl DaemonTask {
    pub(crate) fn new(place: DaemonPlace, keeper: PathBuf) -> (Self, watch::Receiver<DaemonStatus>) {
        let name = place.name.clone();
        let status = DaemonStatus { name, state: DaemonState::Stopped, process: None, n_failures: 0, reason: None };
        let (status, receiver) = watch::channel(status);
        let task = DaemonTask {
            place,
            keeper,
            daemon: None,
            state: DaemonState::Stopped,
            back_off: BackOff::new(),
            ready_since: None,
            deadline: Instant::now(),
            waiting: None,
            reason: None,
            status,
        };
        (task, receiver)
    }

    /// Works until it is told to stop; its daemon then goes on for the next supervisor.
    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<Order>, stop: CancellationToken) {
        loop {
            let happened = tokio::select! {
                () = stop.cancelled() => return,
                order = orders.recv() => match order {
                    Some(order) => Happened::Ordered(order),
                    None => return,
                },
                (event, reason) = self.event() => Happened::Event(event, reason),
            };
            match happened {
                Happened::Ordered(Order::Converge(daemon, reply)) => self.converge(*daemon, reply).await,
                Happened::Ordered(Order::Stop(grace, memory, reply)) => {
                    self.supersede();
                    let outcome = self.stop(grace, memory).await;
                    let _nobody_waits = reply.send(outcome);
                }
                Happened::Event(event, reason) => self.react(event, &reason).await,
            }
            self.publish();
        }
    }

    /// Waits for what happens by itself in this state.
    async fn event(&self) -> (DaemonEvent, String) {
        let Some(daemon) = &self.daemon else { return std::future::pending().await };
        let record = self.place.record();
        match self.state {
            DaemonState::Starting | DaemonState::Reloading => {
                let account = command::other_account(&daemon.name, daemon.launch.user.as_deref()).ok().flatten();
                let daemon = self.as_it_runs(daemon).await;
                tokio::select! {
                    () = processes::main_ended(&record) => (DaemonEvent::Ended, String::new()),
                    answer = probe::until_answered(&daemon, account.as_ref(), &self.place, self.deadline) => match answer {
                        Ok(()) => (DaemonEvent::Answered, String::new()),
                        Err(reason) => (DaemonEvent::Silent, reason),
                    },
                }
            }
            DaemonState::Ready => {
                processes::main_ended(&record).await;
                (DaemonEvent::Ended, String::new())
            }
            DaemonState::BackingOff => {
                tokio::time::sleep_until(self.deadline).await;
                (DaemonEvent::PauseOver, String::new())
            }
            _ => std::future::pending().await,
        }
    }

    /// Returns the daemon with what answers while its program has read another configuration: what is wanted of it may answer
    /// only after a reload, which waits until the program can take one.
    async fn as_it_runs(&self, daemon: &Daemon) -> Daemon {
        let mut daemon = daemon.clone();
        let place = self.place.clone();
        let running = blocking(move || place.running()).await;
        let other = running.filter(|running| running.difference(&daemon) == Difference::Configuration);
        if let Some(probe) = other.and_then(|running| running.probe) {
            daemon.readiness.probe = probe;
        }
        daemon
    }

    async fn react(&mut self, event: DaemonEvent, reason: &str) {
        match event {
            DaemonEvent::Answered => self.answered().await,
            DaemonEvent::PauseOver => {
                self.step(DaemonEvent::PauseOver);
                self.launch().await;
            }
            _ => self.fail(event, reason).await,
        }
    }

    /// Makes the daemon as wanted; `reply` is answered once it is ready, or cannot be.
    async fn converge(&mut self, daemon: Daemon, reply: Reply) {
        self.supersede();
        if let Err(error) = self.accept(&daemon).await {
            tracing::error!(target: LOGGER, "{}", chain(&error));
            let _nobody_waits = reply.send(Err(error));
            return;
        }
        self.back_off = BackOff::with(daemon.pauses);
        self.daemon = Some(daemon);
        match self.difference().await {
            None if self.state == DaemonState::Stopped => {
                self.start_anew(reply, DaemonEvent::Start, Change::Started).await;
            }
            None => self.start_anew(reply, DaemonEvent::Restart, Change::Started).await,
            Some(Difference::Launch) => self.start_anew(reply, DaemonEvent::Restart, Change::Restarted).await,
            Some(Difference::Configuration) if self.state.can_reload() => {
                self.waiting = Some((reply, Change::Reloaded));
                self.reload().await;
            }
            Some(Difference::Nothing) if self.state == DaemonState::Ready => {
                let _nobody_waits = reply.send(Ok(Change::Nothing));
            }
            Some(_) if self.state.is_waiting_for_answer() => self.waiting = Some((reply, Change::Started)),
            Some(_) => {
                self.waiting = Some((reply, Change::TakenOver));
                self.step(DaemonEvent::Start);
                self.wait_for_answer();
            }
        }
    }

    /// Has the program check a new configuration, then writes down what is wanted and puts the files in their place.
    async fn accept(&self, daemon: &Daemon) -> Result<(), DaemonError> {
        let (place, wanted) = (self.place.clone(), daemon.clone());
        let (account, staged) = blocking(move || {
            place.ensure()?;
            let account = command::other_account(&place.name, wanted.launch.user.as_deref())?;
            let is_placed = configuration::is_placed(&place, &wanted.configuration);
            let staged = if is_placed { None } else { Some(configuration::stage(&place, &wanted.configuration)?) };
            Ok::<_, DaemonError>((account, staged))
        })
        .await?;
        if let (Some(staged), Some(check)) = (&staged, &daemon.check)
            && let Err(source) = command::run(&daemon.launch, account.as_ref(), check, staged).await
        {
            configuration::discard(staged);
            return Err(DaemonError::Refused { name: daemon.name.clone(), source });
        }
        let (place, wanted) = (self.place.clone(), daemon.clone());
        blocking(move || {
            place.want(&wanted)?;
            staged.map_or(Ok(()), |staged| configuration::commit(&place, &staged))
        })
        .await
    }

    /// Returns what the running program lacks; `None` if none runs.
    async fn difference(&self) -> Option<Difference> {
        let daemon = self.daemon.clone()?;
        let place = self.place.clone();
        blocking(move || match progress(&place.record()) {
            Progress::Running(_) => {
                Some(place.running().map_or(Difference::Launch, |running| running.difference(&daemon)))
            }
            Progress::NeverStarted | Progress::Ended(_) => None,
        })
        .await
    }

    /// Ends what may be left of the program, and starts it.
    async fn start_anew(&mut self, reply: Reply, event: DaemonEvent, change: Change) {
        self.waiting = Some((reply, change));
        // A program that was found running has not been a matter of this task yet.
        self.step(event);
        if self.end_processes(None).await.is_err() {
            self.step(DaemonEvent::GaveUp);
            let error = DaemonError::Left { name: self.place.name.clone() };
            return self.answer_failure(error);
        }
        if self.state == DaemonState::Restarting {
            self.step(DaemonEvent::Cleared);
        }
        self.launch().await;
    }

    /// Starts the program; nothing of an earlier run is left, unless a supervisor before this one was
    /// killed while it started it.
    async fn launch(&mut self) {
        match self.difference().await {
            Some(Difference::Nothing | Difference::Configuration) => return self.wait_for_answer(),
            Some(Difference::Launch) | None => {}
        }
        match self.start_program().await {
            Ok(()) => self.wait_for_answer(),
            Err(error) => self.fail_with(error).await,
        }
    }

    async fn start_program(&mut self) -> Result<(), DaemonError> {
        let Some(daemon) = self.daemon.clone() else { return Ok(()) };
        if self.end_processes(None).await.is_err() {
            return Err(DaemonError::Left { name: daemon.name });
        }
        let place = self.place.clone();
        let (wanted, care) = {
            let daemon = daemon.clone();
            blocking(move || prepare(&place, &daemon)).await?
        };
        tracing::info!(target: LOGGER, "Starting '{}'", daemon.name);
        let started = keeper::start(&self.keeper, &wanted, care).await;
        started.map_err(|error| DaemonError::NotStarted {
            name: daemon.name,
            reason: error.to_string(),
            said: self.place.said(),
        })
    }

    fn wait_for_answer(&mut self) {
        let limit = self.daemon.as_ref().map_or(Duration::ZERO, |daemon| daemon.readiness.limit);
        self.deadline = Instant::now() + limit;
    }

    async fn answered(&mut self) {
        if self.state == DaemonState::Starting {
            self.ready_since = Some(Instant::now());
        }
        self.step(DaemonEvent::Answered);
        // What was wanted while it started.
        if self.difference().await == Some(Difference::Configuration) {
            self.waiting = self.waiting.take().map(|(reply, _)| (reply, Change::Reloaded));
            return self.reload().await;
        }
        self.reason = None;
        tracing::info!(target: LOGGER, "'{}' is ready", self.place.name);
        if let Some((reply, change)) = self.waiting.take() {
            let _nobody_waits = reply.send(Ok(change));
        }
    }

    /// Tells the program to read its configuration.
    async fn reload(&mut self) {
        let Some(daemon) = self.daemon.clone() else { return };
        self.step(DaemonEvent::Reload);
        self.wait_for_answer();
        let outcome = match &daemon.reload {
            Reload::Signal(signal) => {
                let (record, signal) = (self.place.record(), signal.signal());
                blocking(move || {
                    if let Progress::Running(main) = progress(&record) {
                        main.signal(signal);
                    }
                })
                .await;
                Ok(())
            }
            Reload::Command(line) => {
                let account = command::other_account(&daemon.name, daemon.launch.user.as_deref()).ok().flatten();
                command::run(&daemon.launch, account.as_ref(), line, &self.place.configuration()).await
            }
            // A difference in files alone is then one of the launch.
            Reload::Restart => Ok(()),
        };
        let outcome = match outcome {
            Ok(()) => {
                let (place, running) = (self.place.clone(), Running::of(&daemon));
                blocking(move || place.set_running(&running)).await
            }
            Err(source) => Err(DaemonError::NotReloaded { name: daemon.name, source }),
        };
        if let Err(error) = outcome {
            // The program serves as before, and the next order tries again.
            self.step(DaemonEvent::Answered);
            self.answer_failure(error);
        }
    }

    /// Clears up after a program that ended or never answered.
    async fn fail(&mut self, event: DaemonEvent, reason: &str) {
        self.step(event);
        let left = self.end_processes(None).await;
        let name = self.place.name.clone();
        let place = self.place.clone();
        let (said, code) =
            blocking(move || (place.said(), Record::read(&place.record()).and_then(|record| record.code))).await;
        let limit = self.daemon.as_ref().map_or(Duration::ZERO, |daemon| daemon.readiness.limit);
        let error = match event {
            DaemonEvent::Silent => DaemonError::NotReady { name, limit, reason: reason.to_owned(), said },
            _ => {
                let ending =
                    code.map_or_else(|| "lost its keeper".to_owned(), |code| Ending::of_code(code).to_string());
                DaemonError::Ended { name, ending, said }
            }
        };
        self.pause_or_give_up(error, left);
    }

    /// The same for a program that could not be started at all.
    async fn fail_with(&mut self, error: DaemonError) {
        self.step(DaemonEvent::Ended);
        let left = self.end_processes(None).await;
        self.pause_or_give_up(error, left);
    }

    fn pause_or_give_up(&mut self, error: DaemonError, left: Result<(), Left>) {
        let lifetime = self.ready_since.take().map_or(Duration::ZERO, |since| since.elapsed());
        let pause = self.back_off.after(lifetime);
        let n_tries = self.daemon.as_ref().map_or(0, |daemon| daemon.n_tries);
        let what_next = if left.is_err() || self.back_off.n_failures() >= n_tries {
            self.step(DaemonEvent::GaveUp);
            format!("it is given up after {} tries", self.back_off.n_failures())
        } else {
            self.step(DaemonEvent::Cleared);
            self.deadline = Instant::now() + pause;
            format!("it is started again in {:.1} s", pause.as_secs_f32())
        };
        tracing::warn!(target: LOGGER, "{}; {what_next}", chain(&error));
        self.answer_failure(error);
    }

    async fn stop(&mut self, grace: Option<Duration>, memory: Memory) -> Result<Change, DaemonError> {
        let place = self.place.clone();
        blocking(move || if memory == Memory::Forget { place.unwant() } else { Ok(()) }).await?;
        let was_running = matches!(progress(&self.place.record()), Progress::Running(_));
        self.step(DaemonEvent::Stop);
        let outcome = self.end_processes(grace).await;
        self.ready_since = None;
        if outcome.is_err() {
            self.step(DaemonEvent::GaveUp);
            let error = DaemonError::Left { name: self.place.name.clone() };
            self.reason = Some(chain(&error));
            return Err(error);
        }
        if self.state == DaemonState::Stopping {
            self.step(DaemonEvent::Cleared);
        }
        self.reason = None;
        tracing::info!(target: LOGGER, "'{}' is stopped", self.place.name);
        let place = self.place.clone();
        blocking(move || if memory == Memory::Forget { place.forget() } else { Ok(()) }).await?;
        Ok(if was_running { Change::Stopped } else { Change::Nothing })
    }

    /// Ends all processes as the daemon says, or within `grace` if that is less.
    async fn end_processes(&self, grace: Option<Duration>) -> Result<(), Left> {
        let place = self.place.clone();
        let daemon = match self.daemon.clone() {
            Some(daemon) => Some(daemon),
            None => blocking(move || place.unwanted().or_else(|| place.wanted())).await,
        };
        let Some(Stop { signal, grace: own }) = daemon.map(|daemon| daemon.stop) else { return Ok(()) };
        let grace = grace.map_or(own, |grace| grace.min(own));
        processes::end(&self.place.record(), Stop { signal, grace }).await
    }

    fn supersede(&mut self) {
        if let Some((reply, _)) = self.waiting.take() {
            let _nobody_waits = reply.send(Err(DaemonError::Superseded { name: self.place.name.clone() }));
        }
    }

    fn answer_failure(&mut self, error: DaemonError) {
        self.reason = Some(chain(&error));
        if let Some((reply, _)) = self.waiting.take() {
            let _nobody_waits = reply.send(Err(error));
        }
    }

    /// The only place where the state changes.
    fn step(&mut self, event: DaemonEvent) {
        match self.state.next(event) {
            Some(next) => self.state = next,
            None => {
                tracing::error!(target: LOGGER, "'{}' is {:?}: {event:?} cannot happen", self.place.name, self.state);
            }
        }
        self.publish();
    }

    fn publish(&self) {
        let process = match progress(&self.place.record()) {
            Progress::Running(main) => Some(main.pid),
            Progress::NeverStarted | Progress::Ended(_) => None,
        };
        let status = DaemonStatus {
            name: self.place.name.clone(),
            state: self.state,
            process,
            n_failures: self.back_off.n_failures(),
            reason: self.reason.clone(),
        };
        self.status.send_if_modified(|last| {
            let is_new = *last != status;
            *last = status;
            is_new
        });
    }
}
