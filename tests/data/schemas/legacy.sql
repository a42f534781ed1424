-- What old applications leave behind: odd types and quotes, missing parents, keywords as names.
CREATE TABLE [Order Details] (
  `OrderID` "int" NOT NULL,
  "ProductID" [int] NOT NULL,
  UnitPrice money NULL CONSTRAINT [DF_UnitPrice] DEFAULT (0),
  Quantity smallint NOT NULL CONSTRAINT DF_Quantity DEFAULT 1,
  Discount 'real' NOT NULL DEFAULT -0,
  CONSTRAINT PK_Order_Details PRIMARY KEY (OrderID, ProductID),
  CONSTRAINT CK_Discount CHECK ("Discount" >= 0 and (Discount <= 1)),
  FOREIGN KEY (OrderID) REFERENCES Orders (OrderID) MATCH FULL,
  FOREIGN KEY (ProductID) REFERENCES 'Products that went' (ProductID)
);
CREATE TABLE "select" ("from" INT, "where" UNSIGNED BIG INT DEFAULT 0x10, "group" TEXT DEFAULT 'it''s; -- so', key, "");
CREATE TABLE ids (id INTEGER PRIMARY KEY DESC, n INT NOT NULL ON CONFLICT REPLACE DEFAULT +1, UNIQUE (n, id));
CREATE TABLE keyed (id INTEGER, PRIMARY KEY (id DESC));
CREATE TABLE typeless (a, b, c CHECK (c <> "nothing"));
CREATE INDEX "idx select" ON "select" ("group" COLLATE NOCASE DESC, "from");
CREATE INDEX i2 ON typeless ((a || b), lower(c) COLLATE RTRIM);
CREATE VIEW "all of it" AS SELECT * FROM "select" AS s, [Order Details] d WHERE s."key" = d.Quantity;
CREATE TRIGGER "on insert" INSERT ON typeless BEGIN SELECT RAISE(IGNORE) WHERE NEW.a IS NULL; END;
