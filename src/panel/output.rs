//! Something that is on or off: a GPIO line, or an LED of the kernel (`Documentation/leds/leds-class.rst`).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where the kernel shows its LEDs.
pub(super) const LEDS: &str = "/sys/class/leds";

/// On or off.
pub(super) trait Output: Send {
    /// Switches it.
    fn set(&mut self, is_on: bool) -> io::Result<()>;
}

/// Opens an output, each time anew: it may have been unplugged.
pub(super) type Opener = Box<dyn FnMut() -> io::Result<Box<dyn Output>> + Send>;

/// An LED of the kernel.
#[derive(Debug)]
pub(super) struct Led {
    brightness: PathBuf,
    full: String,
}

impl Led {
    /// Takes it over: writing no brightness ends whatever trigger had it (`leds-class.rst`).
    pub(super) fn open(leds: &Path, name: &str) -> io::Result<Self> {
        let place = leds.join(name);
        let explain = |file: &str, error: io::Error| {
            let path = place.join(file);
            io::Error::new(error.kind(), format!("{}: {error} (`ls {LEDS}` lists what there is)", path.display()))
        };
        let full =
            fs::read_to_string(place.join("max_brightness")).map_err(|error| explain("max_brightness", error))?;
        let mut led = Self { brightness: place.join("brightness"), full: full.trim().to_owned() };
        led.set(false).map_err(|error| explain("brightness", error))?;
        Ok(led)
    }
}

impl Output for Led {
    fn set(&mut self, is_on: bool) -> io::Result<()> {
        // Not created where it is missing: the LED went away.
        let mut file = fs::OpenOptions::new().write(true).truncate(true).open(&self.brightness)?;
        io::Write::write_all(&mut file, if is_on { self.full.as_bytes() } else { b"0" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_led_shines_with_all_it_has_and_is_missed_when_it_goes() {
        let leds = tempfile::tempdir().unwrap();
        let place = leds.path().join("status");
        fs::create_dir(&place).unwrap();
        fs::write(place.join("max_brightness"), "255\n").unwrap();
        fs::write(place.join("brightness"), "17\n").unwrap();
        let shown = || fs::read_to_string(place.join("brightness")).unwrap();
        let mut led = Led::open(leds.path(), "status").unwrap();
        assert_eq!(shown(), "0");
        led.set(true).unwrap();
        assert_eq!(shown(), "255");
        led.set(false).unwrap();
        assert_eq!(shown(), "0");
        fs::remove_dir_all(&place).unwrap();
        assert_eq!(led.set(true).unwrap_err().kind(), io::ErrorKind::NotFound);
        let missing = Led::open(leds.path(), "status").unwrap_err().to_string();
        assert!(missing.contains("status/max_brightness"), "{missing}");
    }
}
