//! The other end of the control socket: for `callbox ctl` and for demonstrations.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::{Answer, Request};

/// Longer than the daemon itself takes for any answer.
const ANSWER: Duration = Duration::from_secs(15);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody is there.
    #[error("{}: {source}; is the daemon running (`systemctl status callbox`), and is this the socket of its control.socket?", path.display())]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It broke off.
    #[error("the daemon broke off: {0}")]
    Broken(#[from] io::Error),
    /// It takes too long.
    #[error("the daemon does not answer")]
    Silent,
    /// It says something else.
    #[error("the daemon's answer is not understood: {0}")]
    Strange(#[from] serde_json::Error),
}

/// A connection to a daemon.
#[derive(Debug)]
pub struct Client {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], when nobody is there.
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        let stream = UnixStream::connect(path)
            .await
            .map_err(|source| ClientError::Unreachable { path: path.to_owned(), source })?;
        let (read, write) = stream.into_split();
        Ok(Self { read: BufReader::new(read), write })
    }

    /// Asks once.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal is an answer, not an error.
    pub async fn ask(&mut self, request: &Request) -> Result<Answer, ClientError> {
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        let answered = async {
            self.write.write_all(line.as_bytes()).await?;
            self.line().await
        };
        let line = timeout(ANSWER, answered).await.map_err(|_| ClientError::Silent)??;
        Ok(serde_json::from_str(&line.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?)?)
    }

    /// The next line of a monitor; none when the daemon ends.
    ///
    /// # Errors
    /// [`ClientError::Broken`], when the connection breaks.
    pub async fn event(&mut self) -> Result<Option<String>, ClientError> {
        Ok(self.line().await?)
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let taken = self.read.read_line(&mut line).await?;
        Ok((taken > 0).then(|| line.trim_end().to_owned()))
    }
}
