// The ref that names an instance: "notes:alice" as text, { service, id } as a value.
import { TenError } from "./errors.ts";

export interface InstanceRef {
  readonly service: string;
  readonly id: string;
}

/** `notes:alice`; also the key of an instance in maps. */
export type RefKey = string;

export const LABEL_RULE =
  "1 to 63 characters of a-z, 0-9, - and _, starting and ending with a letter or a digit";

export const LABEL = /^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$/;

export function isLabel(text: string): boolean {
  return LABEL.test(text);
}

/** Reads `service:id`; throws REF_INVALID with the rule. */
export function parseRef(text: string): InstanceRef {
  const [service, id, ...rest] = text.split(":");
  if (service === undefined || id === undefined || rest.length > 0) {
    throw new TenError("REF_INVALID", `Cannot read "${text}": expected SERVICE:ID`, {
      hint: "Name an instance like notes:alice",
    });
  }
  for (const part of [service, id]) {
    if (!isLabel(part)) {
      throw new TenError("REF_INVALID", `Cannot read "${text}": "${part}" is not a valid name`, {
        hint: `Use ${LABEL_RULE}`,
      });
    }
  }
  return { service, id };
}

export function formatRef(ref: InstanceRef): RefKey {
  return `${ref.service}:${ref.id}`;
}

/** One of the two places of an instance for a process, so that a replacement can start beside the running process. */
export type Slot = 0 | 1;
export const SLOTS = [0, 1] as const;

export interface SlotRef {
  readonly ref: InstanceRef;
  readonly slot: Slot;
}

/** Commands of operators in one instance at a time: far more than people use, and each is a whole launch. */
export const EXECS_PER_INSTANCE_MAX = 8;

/** The place of a launch: a slot, or from 2 on that of a command that an operator runs inside the instance. */
export interface PlaceRef {
  readonly ref: InstanceRef;
  readonly slot: number;
}

/** Whether a launch is the application's. */
export function isSlot({ slot }: PlaceRef): boolean {
  return slot < SLOTS.length;
}

/** All places of an instance for launches. */
export const PLACES: readonly number[] = Array.from(
  { length: SLOTS.length + EXECS_PER_INSTANCE_MAX },
  (_, place) => place,
);

/** Names the files of one place, unique within the service: "alice", or "alice.1", which is no valid id. */
export function slotName({ ref, slot }: PlaceRef): string {
  return slot === 0 ? ref.id : `${ref.id}.${slot}`;
}
