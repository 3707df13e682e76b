//! The daemon's end of the control socket: bounded clients, bounded lines, bounded waits.

use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Answer, Request, Settings};
use crate::fault::Teller;

const CLIENTS: usize = 16;
const LINE: u64 = 16 * 1024;
/// A client that neither asks nor closes is let go.
const IDLE: Duration = Duration::from_secs(60);
/// Longer than any answer takes, a snapshot included.
const ANSWER: Duration = Duration::from_secs(10);
const WRITE: Duration = Duration::from_secs(5);
/// For its user and group.
const MODE: u32 = 0o660;
const FOLDER_MODE: u32 = 0o700;
/// How long until the socket is tried again where the system refused it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(30);
const AFTER_ERROR: Duration = Duration::from_millis(200);

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another daemon answers on it.
    #[error("{}: another callbox daemon answers on this socket; stop it, or set control.socket", .0.display())]
    InUse(PathBuf),
    /// The system refuses.
    #[error("{}: {source}; make its directory writable for this service, or set control.socket", path.display())]
    Bind {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// One request, and where its answer goes.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub request: Request,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Answer>,
}

/// The control socket. Dropping it ends its clients and removes the socket.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    /// The socket is ours.
    is_open: Arc<AtomicBool>,
    _tasks: JoinSet<()>,
}

impl Control {
    /// Opens the socket, or tries it again and again where the system refuses: a panel works without it. Requests go to `asks`; monitors
    /// are told what is sent to `events`.
    ///
    /// # Errors
    /// [`ControlError::InUse`]: two daemons would take each other's devices.
    pub async fn start(
        settings: &Settings,
        asks: mpsc::Sender<Asked>,
        events: broadcast::Sender<Arc<str>>,
        state: Teller,
    ) -> Result<Self, ControlError> {
        let path = settings.socket.clone();
        let first = open(&path).await;
        if let Err(error @ ControlError::InUse(_)) = first {
            return Err(error);
        }
        let is_open = Arc::new(AtomicBool::new(first.is_ok()));
        let mut tasks = JoinSet::new();
        let (at, flag) = (path.clone(), Arc::clone(&is_open));
        tasks.spawn(async move {
            let listener = match first {
                Ok(listener) => listener,
                Err(error) => open_later(&at, error, &state).await,
            };
            flag.store(true, Ordering::Relaxed);
            state.tell(None);
            serve(listener, asks, events).await;
        });
        Ok(Self { path, is_open, _tasks: tasks })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if !self.is_open.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "control socket not removed");
        }
    }
}

/// Makes the socket, and its folder where that is missing.
async fn open(path: &Path) -> Result<UnixListener, ControlError> {
    let failed = |source| ControlError::Bind { path: path.to_owned(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        std::fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).map_err(failed)?;
    }
    remove_stale(path).await?;
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE)).map_err(failed)?;
    Ok(listener)
}

async fn open_later(path: &Path, mut error: ControlError, state: &Teller) -> UnixListener {
    let mut pause = FIRST_PAUSE;
    loop {
        state.tell(Some(error.to_string()));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
        match open(path).await {
            Ok(listener) => return listener,
            Err(again) => error = again,
        }
    }
}

/// Removes what a daemon left behind that did not end well; never a file that is no socket.
async fn remove_stale(path: &Path) -> Result<(), ControlError> {
    let refused = |source| ControlError::Bind { path: path.to_owned(), source };
    match std::fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => {}
        Ok(_) => return Err(refused(io::Error::other("there is something else than a socket"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(error)),
    }
    match timeout(WRITE, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(refused)
        }
        Ok(Err(source)) => Err(refused(source)),
        Ok(Ok(_)) | Err(_) => Err(ControlError::InUse(path.to_owned())),
    }
}

async fn serve(listener: UnixListener, asks: mpsc::Sender<Asked>, events: broadcast::Sender<Arc<str>>) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if clients.len() < CLIENTS => {
                    clients.spawn(attend(stream, asks.clone(), events.clone()));
                }
                Ok((mut stream, _)) => {
                    let line = line_of(&Answer::refused(format!("too many clients: at most {CLIENTS} at once")));
                    if let Err(error) = stream.try_write(line.as_bytes()) {
                        tracing::debug!(%error, "control client not told that there are too many");
                    }
                    // It is told and gone; a client that does not listen is gone too.
                    let _closed = stream.shutdown().await;
                }
                Err(error) => {
                    tracing::warn!(%error, "control socket");
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            },
            Some(_) = clients.join_next(), if !clients.is_empty() => {}
        }
    }
}

async fn attend(stream: UnixStream, asks: mpsc::Sender<Asked>, events: broadcast::Sender<Arc<str>>) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    if let Err(error) = converse(&mut read, &mut write, &asks, &events).await {
        tracing::debug!(%error, "control client");
    }
}

async fn converse(
    read: &mut BufReader<OwnedReadHalf>,
    write: &mut OwnedWriteHalf,
    asks: &mpsc::Sender<Asked>,
    events: &broadcast::Sender<Arc<str>>,
) -> io::Result<()> {
    loop {
        let mut line = String::new();
        let taken = timeout(IDLE, (&mut *read).take(LINE).read_line(&mut line)).await??;
        if taken == 0 {
            return Ok(());
        }
        if !line.ends_with('\n') && taken as u64 >= LINE {
            return say(write, &Answer::refused(format!("a request is at most {LINE} bytes"))).await;
        }
        match serde_json::from_str(&line) {
            Ok(Request::Monitor {}) => {
                let follow = events.subscribe();
                say(write, &Answer::done()).await?;
                return monitor(read, write, follow).await;
            }
            Ok(request) => {
                let answer = ask(asks, request).await;
                say(write, &answer).await?;
            }
            Err(error) => say(write, &Answer::refused(format!("not a request: {error}"))).await?,
        }
    }
}

async fn ask(asks: &mpsc::Sender<Asked>, request: Request) -> Answer {
    let (reply, answer) = oneshot::channel();
    let asked = async {
        asks.send(Asked { request, reply }).await.ok()?;
        answer.await.ok()
    };
    match timeout(ANSWER, asked).await {
        Ok(Some(answer)) => answer,
        Ok(None) => Answer::refused("the daemon is ending"),
        Err(_) => Answer::refused(format!("no answer within {} s", ANSWER.as_secs())),
    }
}

/// Passes events on until the client goes. One that is too slow is told so, and cut.
async fn monitor(
    read: &mut BufReader<OwnedReadHalf>,
    write: &mut OwnedWriteHalf,
    mut events: broadcast::Receiver<Arc<str>>,
) -> io::Result<()> {
    let mut ignored = [0; 64];
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(line) => {
                    timeout(WRITE, write.write_all(line.as_bytes())).await??;
                    timeout(WRITE, write.write_all(b"\n")).await??;
                }
                Err(broadcast::error::RecvError::Lagged(lost)) => {
                    return say(write, &Answer::refused(format!("too slow: {lost} events lost"))).await;
                }
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            },
            more = read.read(&mut ignored) => {
                if more? == 0 {
                    return Ok(());
                }
            }
        }
    }
}

async fn say(write: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    timeout(WRITE, write.write_all(line_of(answer).as_bytes())).await?
}

fn line_of(answer: &Answer) -> String {
    let mut line = serde_json::to_string(answer).expect("an answer holds only JSON values");
    line.push('\n');
    line
}
