/** One's account, and what one may do with rooms beyond talking. */
export const accountEn = {
  "account.title": "Account",
  "account.open": "Account settings",
  "account.profile": "Profile",
  "account.password": "Change password",
  "account.passwordHint": "You stay signed in here and are signed out everywhere else.",
  "account.old": "Current password",
  "account.new": "New password",
  "account.oldWrong": "The current password is wrong.",
  "account.saved": "Saved.",
  "account.sessions": "Signed in at",
  "account.current": "this browser",
  "account.lastSeen": "last seen {time}",
  "account.endSession": "Sign out {device}",
  "account.browserOn": "{browser} on {system}",
  "account.unknownDevice": "another program",
  "account.delete": "Delete account",
  "account.deleteHint":
    "You leave all rooms and cannot sign in again. Your username stays at what you wrote. This cannot be undone.",
  "account.deleteConfirm": "Delete the account @{username} for good?",

  "notices.title": "Notifications",
  "notices.hint":
    "What your system tells you while you look elsewhere, in this browser. In quiet hours and of muted rooms it tells you nothing.",
  "notices.none": "Nothing",
  "notices.own": "Direct messages and mentions",
  "notices.all": "All messages",
  "notices.missing":
    "This browser shows no notifications for this page. They need an address that begins with https.",
  "notices.denied":
    "Your browser blocks notifications of this page. Allow them in its site settings next to the address.",
  "notices.offer": "Know when somebody writes to you?",
  "notices.offerText":
    "Your system can tell you of direct messages and mentions while you look elsewhere. Never in quiet hours.",
  "notices.on": "Turn on",
  "notices.from": "{name} in {room}",
  "notices.released": "What came in your quiet hours",

  "switch.title": "Go to a room",
  "switch.placeholder": "Name of a room or a person",
  "keys.title": "Keyboard shortcuts",
  "keys.switch": "Go to a room",
  "keys.rooms": "Room above, below",
  "keys.unread": "Unread room above, below",
  "keys.edit": "Edit your last message (in an empty field)",
  "keys.send": "Send, new line",
  "keys.messages": "To the messages, from one to the next",
  "keys.escape": "Close, cancel",
  "keys.help": "This list",

  "mute.title": "Mute",
  "mute.hint": "Messages still arrive and are counted, but nothing alerts you. Mentions do not either.",
  "mute.hours": "For {count} hour|For {count} hours",
  "mute.morning": "Until tomorrow, 08:00",
  "mute.forever": "Until I turn it on again",
  "mute.off": "Unmute",
  "mute.muted": "Muted",
  "mute.until": "Muted until {time}",

  "room.archive": "Archive room",
  "room.archiveConfirm":
    "Archive {name}? Everybody can still read, nobody can write, until it is opened again.",
  "room.unarchive": "Open archived room again",

  "reply.to": "In reply to",
  "reply.cancel": "Do not reply",
  "reply.gone": "This message is not there any more.",

  "members.ban": "And do not let this person join again until somebody adds them.",
} as const;
