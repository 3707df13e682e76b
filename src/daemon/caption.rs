//! What the screen says beside the picture: how a call stands, in a few words.

use callbox_core::station::{CallView, Phase, View};

/// The words for this view; none while people see each other, or nobody calls.
pub(super) fn of(view: &View) -> Option<String> {
    let call = view.call.as_ref()?;
    match view.phase {
        Phase::Inviting => Some(format!("Calling {}", names(call))),
        Phase::Ringing => Some(format!("{} rings", call.caller.user)),
        Phase::Accepting => Some(format!("Connecting to {}", call.caller.user)),
        Phase::Talking | Phase::Idle => None,
    }
}

fn names(call: &CallView) -> String {
    call.callees.iter().map(|user| user.as_str()).collect::<Vec<_>>().join(", ")
}
