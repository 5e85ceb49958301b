/** The bus within one process. */
import { expect, test } from 'vitest';
import { createMemoryBus } from '../../src/live/memory-bus.ts';

test('a message reaches every subscriber of its channel, and nobody else', async () => {
  const bus = createMemoryBus();
  const heard: string[] = [];
  await bus.subscribe('one', (message) => heard.push(`first ${message}`));
  await bus.subscribe('one', (message) => heard.push(`second ${message}`));
  await bus.subscribe('two', (message) => heard.push(`other ${message}`));
  await bus.publish('one', 'hello');
  expect(heard).toEqual(['first hello', 'second hello']);
});

test('messages come in the order in which they were published', async () => {
  const bus = createMemoryBus();
  const heard: string[] = [];
  await bus.subscribe('one', (message) => heard.push(message));
  await Promise.all(['a', 'b', 'c'].map((message) => bus.publish('one', message)));
  expect(heard).toEqual(['a', 'b', 'c']);
});

test('who subscribes twice hears twice, and ends each by itself', async () => {
  const bus = createMemoryBus();
  const heard: string[] = [];
  const listener = (message: string) => heard.push(message);
  const endFirst = await bus.subscribe('one', listener);
  const endSecond = await bus.subscribe('one', listener);
  await bus.publish('one', 'a');
  await endFirst();
  await endFirst();
  await bus.publish('one', 'b');
  await endSecond();
  await bus.publish('one', 'c');
  expect(heard).toEqual(['a', 'a', 'b']);
});

test('a late end of a subscription leaves those that came after it alone', async () => {
  const bus = createMemoryBus();
  const heard: string[] = [];
  const endFirst = await bus.subscribe('one', () => {});
  await endFirst();
  await bus.subscribe('one', (message) => heard.push(message));
  await endFirst();
  await bus.publish('one', 'a');
  expect(heard).toEqual(['a']);
});

test('who leaves during a delivery does not keep the others from hearing it', async () => {
  const bus = createMemoryBus();
  const heard: string[] = [];
  const end = await bus.subscribe('one', () => void end());
  await bus.subscribe('one', (message) => heard.push(message));
  await bus.publish('one', 'a');
  expect(heard).toEqual(['a']);
});

test('a closed bus is silent', async () => {
  const bus = createMemoryBus();
  const heard: string[] = [];
  await bus.subscribe('one', (message) => heard.push(message));
  expect(bus.isUp()).toBe(true);
  await bus.close();
  await bus.publish('one', 'a');
  expect(heard).toEqual([]);
});
