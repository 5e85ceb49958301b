/** WebSocket frames of our own, read by the receiver of the `ws` library. */
import { expect, test } from 'vitest';
import * as ws from 'ws';
import { encodeFrames, nextPrefix } from '../../../src/graphql/fan-out/frames.ts';

type Receiver = NodeJS.WritableStream & {
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): void;
};
const { Receiver } = ws as unknown as { Receiver: new (options: { isServer: boolean }) => Receiver };

/** What a client of `ws` makes of bytes. */
async function receive(frames: Buffer, messages: number): Promise<string[]> {
  const receiver = new Receiver({ isServer: false });
  const received: string[] = [];
  const all = new Promise<void>((resolve, reject) => {
    receiver.on('error', reject);
    receiver.on('message', (data, isBinary) => {
      received.push(`${isBinary ? 'binary' : 'text'} ${data}`);
      if (received.length === messages) resolve();
    });
  });
  receiver.write(frames);
  await all;
  return received;
}

const prefix = nextPrefix('1');

test.each([1, 125, 126, 127, 65_535, 65_536, 70_000])('a message of %i bytes', async (length) => {
  const text = 'é'.repeat((length - 1) >> 1);
  const payload = Buffer.from(text.padEnd(text.length + (length - 1 - 2 * text.length), 'x'));
  const own = Buffer.from('{');
  const [message] = await receive(encodeFrames(own, [payload]), 1);
  expect(message).toBe(`text {${payload}`);
});

test('several messages in one buffer, of different lengths, come in order', async () => {
  const payloads = [3, 200, 70_000, 0, 125].map((length, n) => Buffer.from(String(n).repeat(length)));
  const expected = payloads.map((payload) => `text ${prefix}${payload}`);
  expect(await receive(encodeFrames(prefix, payloads), payloads.length)).toEqual(expected);
});

test('the id of an operation is escaped as JSON', () => {
  const message = `${nextPrefix('a"b\\c\n')}null}`;
  expect(JSON.parse(message)).toEqual({ id: 'a"b\\c\n', type: 'next', payload: null });
});
