import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core';
import type { FieldComplexity } from '@pothos/plugin-complexity';
import { PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX } from '../page-size.ts';

declare global {
  export namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      fieldCosts: FieldCostsPlugin<Types>;
    }
  }
}

/** What a field costs by itself; what is below it costs so much for each item that it may have. */
export const FIELD_COSTS = {
  /** A field that is read with the object that it stands on. */
  field: 1,
  /** A page: a statement for its rows. */
  connection: 5,
  /** All that match, counted. */
  totalCount: 20,
  /** A transaction. */
  mutation: 50,
  /** Opens a source; what is below is what each event costs. */
  subscription: 20,
  /** So many characters that a text may have: what is long costs more, as answers hold it again and again. */
  textCharacters: 200,
  /** Items that a list without an argument for its length is taken to have. */
  listItems: 10,
} as const;

/** What a text costs that may have so many characters; for the `complexity` of its field. */
export function textCost(lengthMax: number): number {
  return Math.ceil(lengthMax / FIELD_COSTS.textCharacters);
}

/** Arguments that say how many items are wanted. */
export const SIZE_ARGUMENTS: readonly string[] = ['first', 'last'];

const PLUGIN_NAME = 'fieldCosts';

type Sizes = { first?: number | null; last?: number | null };

/**
 * Gives every field its cost, for the complexity plugin to add up. A field that does not say how long it is gets a constant:
 * its arguments need not be looked at. A field's own option `complexity` comes first.
 */
class FieldCostsPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onOutputFieldConfig(field: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> {
    const complexity = field.pothosOptions.complexity ?? costOf(field);
    return { ...field, extensions: { ...field.extensions, complexity } };
  }
}

SchemaBuilder.registerPlugin(PLUGIN_NAME, FieldCostsPlugin);

export default PLUGIN_NAME;

function costOf<Types extends SchemaTypes>(field: PothosOutputFieldConfig<Types>): FieldComplexity<object, Sizes> {
  const { kind, name, type } = field;
  if (kind === 'Mutation') return { field: FIELD_COSTS.mutation };
  if (kind === 'Subscription') return { field: FIELD_COSTS.subscription };
  const isSized = SIZE_ARGUMENTS.some((argument) => argument in field.args);
  if (isSized) return (sizes) => ({ field: FIELD_COSTS.connection, multiplier: itemsOf(sizes) });
  if (name === 'totalCount') return FIELD_COSTS.totalCount;
  // A connection has counted its items already.
  if (type.kind === 'List') return { field: FIELD_COSTS.field, multiplier: isPage(field) ? 1 : FIELD_COSTS.listItems };
  return FIELD_COSTS.field;
}

function isPage<Types extends SchemaTypes>({ name, parentType }: PothosOutputFieldConfig<Types>): boolean {
  return name === 'edges' && parentType.endsWith('Connection');
}

/** As many as are wanted, within what a page holds. Nobody knows before rules have looked at the arguments: the most then. */
function itemsOf(sizes: Sizes | Promise<unknown>): number {
  if (sizes instanceof Promise) {
    sizes.catch(() => undefined); // the execution meets the same problem and reports it
    return PAGE_SIZE_MAX;
  }
  return Math.min(sizes.first ?? sizes.last ?? PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX);
}
