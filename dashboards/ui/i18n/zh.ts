import type { AlertState, Level, Reading, Setting, Site, Step } from '../contract'

/** Every word of the screens, Chinese first; `en.ts` must have the same keys or the build fails. */
export interface Words {
  product: string
  title: string
  language: string
  switch_language: string
  switch_theme: Record<'light' | 'wall', string>
  nav: Record<'main' | 'board' | 'inbox' | 'people' | 'quarantine' | 'wall', string>
  notices: string
  skip: string
  back: string
  level: Record<Level, string>
  level_short: Record<Level, string>
  state: Record<AlertState, string>
  step: Record<Step, string>
  setting: Record<Setting, string>
  kind: Record<Reading['kind'], string>
  kind_short: Record<Reading['kind'], string>
  site_kind: Record<Site['kind'], string>
  site_state: Record<Site['state'], string>
  sex: Record<'male' | 'female', string>
  age: (years: number) => string
  span: (minutes: number) => string
  left: (span: string) => string
  over: (span: string) => string
  visit_by: (when: string) => string
  ago: (span: string) => string
  just_now: string
  link: Record<'live' | 'connecting' | 'lost' | 'stale' | 'signed_out', string>
  stale: (when: string) => string
  stale_why: string
  signed_out: string
  demo: string
  sending_off: string
  tiles: Record<'today' | 'people' | 'overdue' | 'oldest' | 'quarantined' | 'refused' | 'sites' | 'reached', string>
  out_of: (part: number, whole: number) => string
  none_waiting: string
  hourly: string
  hourly_readings: string
  hourly_crossings: string
  hour_spoken: (hour: number, readings: number, crossings: number) => string
  villages: string
  village_spoken: (village: string, done: number, people: number) => string
  sites: string
  last_seen: (when: string) => string
  never_seen: string
  villages_empty: string
  sites_empty: string
  readings_count: (count: number) => string
  people_count: (count: number) => string
  newest: string
  newest_empty: string
  crossing: (level: string) => string
  alerts_now: string
  all_alerts: string
  inbox: string
  filter: string
  all: string
  inbox_empty: string
  inbox_empty_level: string
  more_alerts: (count: number) => string
  further: (count: number) => string
  measured: (when: string) => string
  late: (span: string) => string
  next_step: (span: string, step: string) => string
  next_step_now: (step: string) => string
  owner: (name: string) => string
  nobody: string
  taken_by: (name: string, when: string) => string
  call: string
  take: string
  take_many: (count: number) => string
  undo: string
  undo_hint: string
  sending: string
  waiting_upload: string
  waiting_count: (count: number) => string
  retry: string
  refused_ack: (why: string) => string
  taken: string
  open_person: string
  open_alert: string
  reason: string
  rule: (line: string, pack: string) => string
  pack: (pack: string) => string
  history: string
  history_kind: Record<string, string>
  history_empty: string
  by: (name: string) => string
  facts: Record<'case' | 'opened' | 'known' | 'deadline' | 'owner' | 'step' | 'state' | 'pack' | 'reading', string>
  pressure: string
  glucose: string
  chart_pressure: (count: number) => string
  chart_glucose: (count: number) => string
  chart_hint: string
  chart_empty: string
  chart_part: (from: string, to: string) => string
  systolic: string
  diastolic: string
  measure: Record<'systolic' | 'diastolic' | 'glucose_fasting' | 'glucose_other', string>
  meal: Record<string, string>
  flag: Record<string, string>
  show_table: string
  show_chart: string
  table: Record<'when' | 'value' | 'pulse' | 'meal' | 'where' | 'grade' | 'notes', string>
  grade: Record<Reading['grade'], string>
  grade_short: (grade: string) => string
  rejected: string
  typed: string
  duplicate: string
  lines_title: string
  lines_setting: string
  lines_empty: string
  person_missing: string
  people: string
  people_search: string
  people_none: string
  people_more: (count: number) => string
  cohorts: string
  diagnoses: string
  medicines: string
  family_doctor: (name: string) => string
  code: Record<string, string>
  quarantine: string
  quarantine_why: string
  quarantine_empty: string
  refused: string
  refused_why: string
  refused_empty: string
  quarantine_reason: Record<string, string>
  quarantine_state: Record<'waiting' | 'claimed' | 'dismissed', string>
  raw: Record<'text' | 'hex', string>
  raw_show: string
  loading: string
  failed: (why: string) => string
  load_more: string
  part_failed: (why: string) => string
  arrived: (level: string, code: string) => string
  wall: Record<'latest' | 'quiet' | 'quiet_why' | 'sound_on' | 'sound_off' | 'progress' | 'progress_why' | 'screened', string>
  wall_left: (minutes: number) => string
  wall_over: (minutes: number) => string
  wall_taken: string
  wall_oldest: (minutes: number) => string
}

const span = (minutes: number): string => {
  const whole = Math.max(0, Math.round(minutes))
  if (whole < 60) return `${whole} 分钟`
  if (whole < 48 * 60) return whole % 60 ? `${Math.floor(whole / 60)} 小时 ${whole % 60} 分` : `${whole / 60} 小时`
  return `${Math.floor(whole / 1440)} 天`
}

export const zh: Words = {
  product: '巡诊',
  title: '巡诊 · 慢病筛查网关',
  language: '中文',
  switch_language: 'EN',
  switch_theme: { light: '深色', wall: '浅色' },
  nav: { main: '主导航', board: '看板', inbox: '预警', people: '居民', quarantine: '隔离', wall: '大屏' },
  notices: '提示',
  skip: '跳到正文',
  back: '返回',
  level: { red: '红色预警', orange: '橙色预警', yellow: '黄色提醒', blue: '蓝色提示' },
  level_short: { red: '红', orange: '橙', yellow: '黄', blue: '蓝' },
  state: {
    open: '待确认', acknowledged: '已确认', planned: '已约随访', visited: '已随访', closed: '已结案',
    withdrawn: '已撤回', superseded: '已被取代', merged: '已合并',
  },
  step: { village: '村', township: '乡镇', county: '县', city: '市' },
  setting: { home: '居家', clinic: '诊室', any: '不分场合' },
  kind: { blood_pressure: '血压', glucose: '血糖' },
  kind_short: { blood_pressure: '血压', glucose: '血糖' },
  site_kind: { van: '流动车', clinic: '村卫生室', township: '卫生院', home: '居家' },
  site_state: { online: '在线', offline: '离线', unknown: '未知' },
  sex: { male: '男', female: '女' },
  age: (years) => `${years} 岁`,
  span,
  left: (text) => `还剩 ${text}`,
  over: (text) => `已超时 ${text}`,
  visit_by: (when) => `${when} 前随访`,
  ago: (text) => `${text}前`,
  just_now: '刚刚',
  link: { live: '实时', connecting: '连接中', lost: '重新连接', stale: '已停更', signed_out: '未登录' },
  stale: (when) => `数据停在 ${when}`,
  stale_why: '与网关的连接已中断，正在重新连接。下面的数字不是最新的。',
  signed_out: '登录已失效。请用新的登录链接打开本页。',
  demo: '演示数据：人、设备、读数均为模拟',
  sending_off: '消息未外发',
  tiles: {
    today: '今日读数', people: '今日筛查人数', overdue: '超时未处理', oldest: '最久未确认', quarantined: '隔离待认领',
    refused: '无法解码', sites: '在线站点', reached: '已到村',
  },
  out_of: (part, whole) => `${part}/${whole}`,
  none_waiting: '无',
  hourly: '今日每小时读数',
  hourly_readings: '读数',
  hourly_crossings: '越线',
  hour_spoken: (hour, readings, crossings) => `${hour} 时 ${readings} 条读数，${crossings} 条越线`,
  villages: '各村筛查进度',
  village_spoken: (village, done, people) => `${village}，今日 ${done} 人，共 ${people} 人`,
  sites: '站点',
  last_seen: (when) => `最近 ${when}`,
  never_seen: '尚未连接',
  villages_empty: '名册里还没有村。导入居民后，这里显示各村进度。',
  sites_empty: '还没有站点。登记流动车或卫生室后，这里显示在线情况。',
  readings_count: (count) => `${count} 条`,
  people_count: (count) => `${count} 人`,
  newest: '最新读数',
  newest_empty: '还没有读数。设备一上传，这里马上出现。',
  crossing: (level) => `${level}线以上`,
  alerts_now: '待处理预警',
  all_alerts: '全部预警',
  inbox: '预警',
  filter: '按级别筛选',
  all: '全部',
  inbox_empty: '没有待处理的预警。新的预警会自动出现在这里。',
  inbox_empty_level: '这个级别没有待处理的预警。',
  more_alerts: (count) => `还有 ${count} 条，全部载入`,
  further: (count) => `此人另有 ${count} 条预警`,
  measured: (when) => `${when} 测`,
  late: (text) => `补传 · ${text}前测`,
  next_step: (text, step) => `${text}后转${step}`,
  next_step_now: (step) => `正在转${step}`,
  owner: (name) => `责任人 ${name}`,
  nobody: '无人值守',
  taken_by: (name, when) => `${name} ${when} 已确认`,
  call: '打电话',
  take: '我来处理',
  take_many: (count) => `我来处理（${count} 条）`,
  undo: '撤销',
  undo_hint: '5 秒后送出',
  sending: '正在送出…',
  waiting_upload: '待上传',
  waiting_count: (count) => `${count} 条确认待上传`,
  retry: '重试',
  refused_ack: (why) => `未被接受：${why}`,
  taken: '已确认',
  open_person: '查看居民',
  open_alert: '查看原因',
  reason: '触发原因',
  rule: (line, pack) => `规则 ${line} · 规则包 ${pack}`,
  pack: (pack) => `规则包 ${pack}`,
  history: '处理记录',
  history_kind: {
    opened: '开启', raised: '升级', lowered: '降级', acknowledged: '已确认', escalated: '转下一级', forwarded: '转交',
    noted: '备注', note: '备注', planned: '已约随访', visited: '已随访', closed: '结案', withdrawn: '撤回', superseded: '被取代',
    merged: '合并', ack: '已确认', forward: '转交', visit: '随访', outcome: '结果', notified: '已通知', held: '并入', joined: '并入',
  },
  history_empty: '还没有记录。',
  by: (name) => `由 ${name}`,
  facts: {
    case: '编号', opened: '测量越线', known: '得知', deadline: '期限', owner: '责任人', step: '所在层级', state: '状态',
    pack: '规则包', reading: '最近一次读数',
  },
  pressure: '血压',
  glucose: '血糖',
  chart_pressure: (count) => `近 6 个月血压 · ${count} 次`,
  chart_glucose: (count) => `近 6 个月血糖 · ${count} 次`,
  chart_hint: '点按或用方向键逐次查看',
  chart_empty: '近 6 个月没有读数。',
  chart_part: (from, to) => `${from} 至 ${to}`,
  systolic: '收缩压',
  diastolic: '舒张压',
  measure: { systolic: '收缩压', diastolic: '舒张压', glucose_fasting: '空腹血糖', glucose_other: '非空腹血糖' },
  meal: {
    fasting: '空腹', before_meal: '餐前', after_meal: '餐后', random: '随机', bedtime: '睡前', unknown: '未注明',
  },
  flag: {
    body_movement: '测量时有动作', cuff_too_loose: '袖带过松', improper_position: '姿势不当', irregular_pulse: '脉搏不齐',
    pulse_out_of_range: '脉率超范围',
  },
  show_table: '查看数据表',
  show_chart: '查看图',
  table: { when: '时间', value: '数值', pulse: '脉搏', meal: '时段', where: '地点', grade: '时间可信', notes: '备注' },
  grade: { A: '时间已核对', B: '时间已校正', C: '只知先后', D: '时间不明' },
  grade_short: (grade) => `时间 ${grade} 级`,
  rejected: '已拒绝',
  typed: '手工录入',
  duplicate: '可能重复',
  lines_title: '此人适用的线',
  lines_setting: '测量场合',
  lines_empty: '规则包没有给出此人的线。',
  person_missing: '没有这个人，或不在您的管辖范围。',
  people: '居民',
  people_search: '姓名、拼音首字母、村、卡号或编号',
  people_none: '没有找到。只能找到您管辖范围内的人。',
  people_more: (count) => `先列出 ${count} 人，请再输入几个字`,
  cohorts: '人群',
  diagnoses: '诊断',
  medicines: '用药',
  family_doctor: (name) => `家庭医生 ${name}`,
  code: {
    htn: '高血压', dm: '糖尿病', antihypertensive: '降压药', insulin: '胰岛素', sulphonylurea: '磺脲类', glucose_lowering: '降糖药',
    C0: '一般居民', C1: '建档立卡脱贫户', C2: '监测对象', C3: '已治愈跟踪',
  },
  quarantine: '隔离',
  quarantine_why: '收到了、存下了，但还不知道是谁的或怎么用的读数。',
  quarantine_empty: '没有待认领的读数。',
  refused: '无法解码',
  refused_why: '收到了但看不懂的字节，原样保留。',
  refused_empty: '没有无法解码的内容。',
  quarantine_reason: {
    unknown_person: '查无此人', no_person: '不知是谁', unknown_device: '未登记的设备', unknown_unit: '单位不认识', unknown_kind: '种类不认识',
    conflict: '同号不同值', checksum: '校验和不符', bad_frame: '帧不完整', impossible_value: '数值不可能', not_json: '不是 JSON',
  },
  quarantine_state: { waiting: '待认领', claimed: '已认领', dismissed: '已排除' },
  raw: { text: '原文', hex: '原始字节' },
  raw_show: '查看原文',
  loading: '正在载入…',
  failed: (why) => `载入失败：${why}`,
  load_more: '载入更多',
  part_failed: (why) => `此处无法显示：${why}`,
  arrived: (level, code) => `新的${level} ${code}`,
  wall: {
    latest: '最新预警', quiet: '没有待处理的预警', quiet_why: '新的预警会自动出现', sound_on: '点击启用声音', sound_off: '声音已启用',
    progress: '各村进度', progress_why: '每圈一村，不显示村名', screened: '今日筛查',
  },
  wall_left: (minutes) => `还剩 ${span(minutes)}`,
  wall_over: (minutes) => `已超时 ${span(minutes)}`,
  wall_taken: '已确认',
  wall_oldest: (minutes) => span(minutes),
}
