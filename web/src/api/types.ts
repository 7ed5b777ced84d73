// What the server answers, by its own names: docs/api.md and openapi.json are the contract.

export type InstanceStatus = 'RUNNING' | 'PAUSED' | 'COMPENSATING' | 'COMPLETED' | 'FAILED'
  | 'CANCELLED' | 'TERMINATED' | 'COMPENSATED';
export type StageStatus = 'PENDING' | 'ACTIVE' | 'COMPLETED' | 'FAILED' | 'SKIPPED';
export type TaskStatus = 'PENDING' | 'SCHEDULED' | 'RUNNING' | 'RETRYING' | 'COMPLETED' | 'FAILED'
  | 'SKIPPED' | 'CANCELLED' | 'COMPENSATED';
export type Status = InstanceStatus | StageStatus | TaskStatus;
export type Verdict = 'applied' | 'duplicate' | 'stale' | 'refused' | 'invalid' | 'unknown'
  | 'too_large';
export type Role = 'viewer' | 'worker' | 'operator' | 'author' | 'admin';

export type Summary = {
  instance: string;
  template: string;
  version: number;
  key: string | null;
  status: InstanceStatus;
  stage: string | null;
  business_status: string | null;
  started_at: string;
  updated_at: string;
};

export type Change = { path: string; from?: unknown; to: unknown };

export type EventRecord = {
  instance: string;
  seq: number;
  event: string;
  verdict: Verdict;
  reason?: string | null;
  at: string;
  source?: string | null;
  actor?: string | null;
  task?: string | null;
  generation?: number;
  attempt?: number;
  changes?: Change[];
  position?: number;
  hash?: string;
  stage?: string | null;
  event_id?: string | null;
  /** The sender's reason, where `reason` is the verdict's. */
  comment?: string;
  data?: Record<string, unknown>;
  /** How many identical ones it stands for. */
  count?: number;
  /* In the feed: of the instance, or of what a chain `_sys:…` tells (`about`). */
  template?: string | null;
  key?: string | null;
  about?: string;
  /** Somebody did it: the audit has it. */
  act?: boolean;
};

export type Feed = {
  events: EventRecord[];
  next: string | null;
  more: boolean;
  searched_to: string | null;
};

export type PersonsTask = {
  instance: string;
  template: string;
  version: number;
  key: string | null;
  instance_status: InstanceStatus;
  stage: string;
  task: string;
  status: TaskStatus;
  assignee: string | null;
  group: string | null;
  generation: number;
  attempt: number;
  since: string;
  due_at: string | null;
  overdue: boolean;
  form: unknown;
  input: unknown;
};

export type Inbox = { tasks: PersonsTask[]; next: string | null; count?: number; more?: boolean };

export type QueueInfo = {
  queue: string;
  visible: number;
  more: boolean;
  in_flight: number;
  delayed: number;
  waiting_receives: number;
  oldest_at: string | null;
  created_at: string | null;
  attributes: Record<string, string> | null;
  serves: { template: string; stage: string; task: string }[];
  serves_count: number;
  problem?: string;
};

export type NodeInfo = {
  node: string;
  alive: boolean;
  self: boolean;
  seen_at: string | null;
  info: { address?: string; version?: string };
};

export type Limit = { name: string; value: number; unit: string | null; what: string };

export type ServerStatus = {
  ready: boolean;
  problem: string | null;
  version: string;
  mode: string;
  node: string;
  started_at: string;
  store: { name: string; shared: boolean; error: string | null; rows_behind: number;
    behind_ms: number };
  queue: { name: string; unsent: number; oldest_unsent_ms: number; problem: string | null;
    warning: string | null };
  nodes: NodeInfo[];
  events: { waiting: number; conflicts: number; taken_over: number };
  limits: Limit[];
};

export type Me = { role: Role; actor: string; keys: boolean };

export type AccessKey = {
  id: string;
  name: string | null;
  role: Role;
  status: string;
  created_at: string | null;
  created_by: string | null;
  expires_at: string | null;
  revoked_at: string | null;
  revoked_by: string | null;
  used_at: string | null;
};
