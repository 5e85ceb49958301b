import type { SqlTransaction } from '../../../db/database.ts';
import type { LiveEventDraft } from '../../../live/live-event.ts';
import { appendOnAir } from '../../../domains/streams/streams.api.ts';
