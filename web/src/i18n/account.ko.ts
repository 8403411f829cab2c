import type { accountEn } from "./account.en";

/** Korean for account.en.ts. */
export const accountKo: Record<keyof typeof accountEn, string> = {
  "account.title": "내 계정",
  "account.open": "계정 설정",
  "account.profile": "프로필",
  "account.password": "비밀번호 변경",
  "account.passwordHint": "이 브라우저는 그대로 두고, 다른 모든 곳에서 로그아웃됩니다.",
  "account.old": "현재 비밀번호",
  "account.new": "새 비밀번호",
  "account.oldWrong": "현재 비밀번호가 올바르지 않습니다.",
  "account.saved": "저장했습니다.",
  "account.sessions": "로그인된 곳",
  "account.current": "지금 쓰는 브라우저",
  "account.lastSeen": "마지막 접속 {time}",
  "account.endSession": "{device} 로그아웃",
  "account.browserOn": "{system}의 {browser}",
  "account.unknownDevice": "다른 프로그램",
  "account.delete": "계정 삭제",
  "account.deleteHint":
    "모든 대화방에서 나가고 다시 로그인할 수 없습니다. 내가 쓴 글에는 아이디가 남습니다. 되돌릴 수 없습니다.",
  "account.deleteConfirm": "@{username} 계정을 완전히 삭제할까요?",

  "notices.title": "알림",
  "notices.hint":
    "다른 화면을 보고 있을 때 이 브라우저가 알려 줄 내용입니다. 조용한 시간이거나 알림을 끈 대화방이면 알리지 않습니다.",
  "notices.none": "알리지 않음",
  "notices.own": "1:1 대화와 나를 언급한 메시지",
  "notices.all": "모든 메시지",
  "notices.missing":
    "이 브라우저에서는 이 페이지의 알림을 받을 수 없습니다. https로 시작하는 주소로 접속해야 합니다.",
  "notices.denied":
    "브라우저에서 이 페이지의 알림이 차단되어 있습니다. 주소창 옆의 사이트 설정에서 허용해 주세요.",
  "notices.offer": "나에게 온 메시지를 알려 드릴까요?",
  "notices.offerText":
    "다른 화면을 보는 동안 1:1 대화나 나를 언급한 메시지가 오면 알려 드립니다. 조용한 시간에는 알리지 않습니다.",
  "notices.on": "켜기",
  "notices.from": "{room}, {name}",
  "notices.released": "조용한 시간에 온 메시지",

  "switch.title": "대화방으로 이동",
  "switch.placeholder": "대화방이나 사람 이름, 초성",
  "keys.title": "키보드 단축키",
  "keys.switch": "대화방으로 이동",
  "keys.rooms": "위아래 대화방",
  "keys.unread": "위아래의 읽지 않은 대화방",
  "keys.edit": "마지막에 쓴 메시지 수정 (빈 입력란에서)",
  "keys.send": "보내기, 줄바꿈",
  "keys.messages": "메시지 목록으로, 메시지 사이 이동",
  "keys.escape": "닫기, 취소",
  "keys.help": "이 목록",

  "mute.title": "알림 끄기",
  "mute.hint": "메시지는 계속 오고 개수도 표시되지만 알리지 않습니다. 나를 언급해도 알리지 않습니다.",
  "mute.hours": "{count}시간 동안",
  "mute.morning": "내일 08:00까지",
  "mute.forever": "다시 켤 때까지",
  "mute.off": "알림 켜기",
  "mute.muted": "알림 꺼짐",
  "mute.until": "{time}까지 알림 꺼짐",

  "room.archive": "대화방 보관",
  "room.archiveConfirm":
    "{name}을(를) 보관할까요? 다시 열 때까지 읽을 수는 있지만 아무도 글을 쓸 수 없습니다.",
  "room.unarchive": "보관한 대화방 다시 열기",

  "reply.to": "답장한 메시지:",
  "reply.cancel": "답장 취소",
  "reply.gone": "이제 없는 메시지입니다.",

  "members.ban": "누군가 다시 추가할 때까지 참여하지 못하게 합니다.",
};
