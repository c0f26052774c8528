//! What is measured: the gateway with all it does switched on, and plain proxies that only pass bytes, configured as their
//! own documentation says for streams and speed.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::load::Target;
use crate::process::{Running, free_address, installed};
use crate::traffic::{KEYS, Kind, TOKEN};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Nothing in between: what the load and the upstream take by themselves.
    Direct,
    Gateway,
    /// The gateway with 1 000 routes.
    Gateway1000,
    /// The gateway, asked by clients of another dialect than its upstream's.
    Translating,
    Nginx,
    /// nginx with a larger buffer for request bodies than it has by default.
    NginxLarge,
    HaProxy,
}

impl Who {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Gateway => "gateway",
            Self::Gateway1000 => "gateway-1000",
            Self::Translating => "gateway-translating",
            Self::Nginx => "nginx",
            Self::NginxLarge => "nginx-256k",
            Self::HaProxy => "haproxy",
        }
    }

    /// The load for it.
    pub(crate) fn target(self, address: SocketAddr, kind: Kind) -> Target {
        if self == Self::Translating {
            return Target::translated(address, kind, TOKEN);
        }
        let secret = if self == Self::Direct { KEYS[0] } else { TOKEN };
        Target::new(address, kind, secret, matches!(self, Self::Gateway | Self::Gateway1000))
    }
}

/// Where things are.
pub(crate) struct Place {
    pub(crate) gateway: PathBuf,
    pub(crate) upstream: SocketAddr,
    /// For configuration files and what processes say.
    pub(crate) folder: PathBuf,
    /// The core of what is measured.
    pub(crate) core: usize,
}

impl Place {
    /// Whether it can be measured here.
    pub(crate) fn has(&self, who: Who) -> bool {
        match who {
            Who::Direct => true,
            Who::Gateway | Who::Gateway1000 | Who::Translating => self.gateway.is_file(),
            Who::Nginx | Who::NginxLarge => installed("nginx").is_some(),
            Who::HaProxy => installed("haproxy").is_some(),
        }
    }

    /// Starts it; nothing for [`Who::Direct`].
    pub(crate) fn start(&self, who: Who) -> io::Result<Option<Running>> {
        let address = free_address()?;
        let command = match who {
            Who::Direct => return Ok(None),
            Who::Gateway | Who::Translating => self.gateway(address, 1)?,
            Who::Gateway1000 => self.gateway(address, 1000)?,
            Who::Nginx => self.nginx(address, who.name(), "16k")?,
            Who::NginxLarge => self.nginx(address, who.name(), "256k")?,
            Who::HaProxy => self.haproxy(address)?,
        };
        Running::start(&command, self.core, address, &self.folder.join(who.name())).map(Some)
    }

    fn gateway(&self, address: SocketAddr, routes: usize) -> io::Result<Command> {
        let file = self.folder.join(format!("routes-{routes}.json"));
        fs::write(&file, routes_of(self.upstream, routes).to_string())?;
        let mut command = Command::new(&self.gateway);
        command
            .env("HOST", address.ip().to_string())
            .env("PORT", address.port().to_string())
            .env("GATEWAY_ROUTES_FILE", &file);
        Ok(command)
    }

    fn nginx(&self, address: SocketAddr, name: &str, buffer: &str) -> io::Result<Command> {
        let folder = self.folder.join(format!("{name}.d"));
        fs::create_dir_all(&folder)?;
        // A master started by root hands its workers to a user who may not read the folder.
        let user = if rustix::process::getuid().is_root() {
            "user root;"
        } else {
            ""
        };
        let (here, upstream, key) = (folder.display(), self.upstream, KEYS[0]);
        let config = format!(
            "{user} worker_processes 1; daemon off; pid {here}/pid; error_log stderr crit; worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  access_log off; server_tokens off; tcp_nodelay on; client_max_body_size 64m; client_body_buffer_size {buffer};
  keepalive_timeout 300s; keepalive_requests 1000000000;
  client_body_temp_path {here}/body; proxy_temp_path {here}/proxy; fastcgi_temp_path {here}/fastcgi;
  uwsgi_temp_path {here}/uwsgi; scgi_temp_path {here}/scgi;
  upstream provider {{ server {upstream}; keepalive 1024; keepalive_requests 1000000000; keepalive_timeout 300s; }}
  server {{
    listen {address} backlog=4096;
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection \"\";
      proxy_set_header Authorization \"Bearer {key}\";
      proxy_buffering off; proxy_request_buffering off; proxy_read_timeout 330s;
    }}
  }}
}}
"
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, config)?;
        let mut command = Command::new(program("nginx")?);
        command.arg("-c").arg(&file).arg("-p").arg(&folder);
        Ok(command)
    }

    fn haproxy(&self, address: SocketAddr) -> io::Result<Command> {
        let (upstream, key) = (self.upstream, KEYS[0]);
        let config = format!(
            "global
  nbthread 1
  maxconn 8192
defaults
  mode http
  option http-no-delay
  http-reuse always
  timeout connect 10s
  timeout client 330s
  timeout server 330s
  timeout http-keep-alive 300s
frontend clients
  bind {address} backlog 4096
  http-request set-header authorization \"Bearer {key}\"
  default_backend provider
backend provider
  server one {upstream} pool-purge-delay 300s
"
        );
        let file = self.folder.join("haproxy.cfg");
        fs::write(&file, config)?;
        let mut command = Command::new(program("haproxy")?);
        command.arg("-db").arg("-q").arg("-f").arg(&file);
        Ok(command)
    }
}

fn program(name: &str) -> io::Result<PathBuf> {
    installed(name).ok_or_else(|| io::Error::other(format!("{name} is not installed")))
}

/// A table of so many routes, the one that is used in its middle. Two keys: failing over is possible, so answers are
/// watched for failures; an alias for each model, so requests are rewritten.
pub(crate) fn routes_of(upstream: SocketAddr, routes: usize) -> Value {
    let aliases: serde_json::Map<String, Value> = Kind::ALL
        .iter()
        .map(|kind| (kind.alias(), kind.upstream_name().into()))
        .collect();
    (0..routes)
        .map(|number| {
            let token = if number == routes / 2 {
                TOKEN.to_owned()
            } else {
                format!("other-token-{number}")
            };
            json!({"token": token, "base_url": format!("http://{upstream}/v1"), "api_keys": KEYS, "aliases": aliases})
        })
        .collect()
}

/// Size of a file in KB.
pub(crate) fn kilobytes(path: &Path) -> io::Result<f64> {
    Ok(fs::metadata(path)?.len() as f64 / 1024.0)
}
