import type { builder } from './builder.ts';

/**
 * Options of a connection's type, for `t.prismaConnection` with a `totalCount`: Pothos gives that field no description of its own.
 * @param items what the connection lists, in the plural: "creators"
 */
export function connectionOf<Name extends string>(name: Name, items: string) {
  return {
    name,
    description: `A page of ${items}.`,
    fields: (t: TotalCountBuilder) => ({
      totalCount: t.int({
        description: `All ${items} that match, on whatever page. Counted only when it is asked for.`,
        // Lets the plugin skip the page itself when nothing but the count is selected.
        extensions: { pothosPrismaTotalCount: true },
        resolve: ({ totalCount }) => totalCount(),
      }),
    }),
  } as never as { name: Name };
}

type TotalCountBuilder = PothosSchemaTypes.ObjectFieldBuilder<
  typeof builder extends PothosSchemaTypes.SchemaBuilder<infer Types> ? Types : never,
  { totalCount: () => Promise<number> }
>;
