import type { FieldMap, ImplementableObjectRef, MaybePromise } from '@pothos/core';
import { builder } from './builder.ts';
import type { Context } from './context.ts';
import { toGlobalId } from './global-id.ts';

type Types = typeof builder extends PothosSchemaTypes.SchemaBuilder<infer T> ? T : never;

/**
 * Implements a type of the interface `Node`, as `builder.node` does; but an id is there at once. Pothos makes a promise of
 * each, and all that a page of streams takes beside its SQL then costs twice as much.
 * @param options.loadMany the rows of these ids in the same order, null for what there is not. An id is any text at all.
 */
export function implementNode<Row extends { id: bigint | number | string }>(
  ref: ImplementableObjectRef<Types, Row>,
  options: {
    description: string;
    loadMany: (ids: string[], context: Context) => MaybePromise<readonly MaybePromise<Row | null>[]>;
    fields: (t: PothosSchemaTypes.ObjectFieldBuilder<Types, Row>) => FieldMap;
  },
): void {
  const { description, loadMany, fields } = options;
  ref.implement({
    description,
    interfaces: [builder.nodeInterfaceRef()],
    fields: (t: PothosSchemaTypes.ObjectFieldBuilder<Types, Row>) => ({
      id: t.id({ public: true, description: 'Global id.', resolve: ({ id }) => toGlobalId(ref.name, id) }),
      ...fields(t),
    }),
    loadMany, // where Pothos's `Query.node` looks for it
  } as never);
}
