import { GraphQLError, GraphQLScalarType } from 'graphql';
import { GraphQLDateTime, GraphQLLocalDate, GraphQLSafeInt } from 'graphql-scalars';
import { builder } from './builder.ts';

builder.addScalarType('DateTime', GraphQLDateTime);

builder.addScalarType(
  'Date',
  new GraphQLScalarType({
    ...GraphQLLocalDate.toConfig(),
    name: 'Date',
    description: 'A day of the calendar, without a time and a place: "2001-12-31".',
  }),
);

builder.addScalarType(
  'SafeInt',
  new GraphQLScalarType({
    ...GraphQLSafeInt.toConfig(),
    name: 'SafeInt',
    description:
      'A whole number between −(2^53 − 1) and 2^53 − 1: exact in JSON. Amounts of coins, diamonds and minor units.',
    serialize: (value) => {
      const number = typeof value === 'bigint' ? Number(value) : value;
      if (!Number.isSafeInteger(number)) throw new GraphQLError('SafeInt cannot represent the amount.');
      return number as number;
    },
  }),
);
