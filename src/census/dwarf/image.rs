//! The ELF file that the running code came from.

use super::super::Unavailable;
use object::LittleEndian;
use object::elf::{FileHeader64, PF_X, PT_LOAD, ProgramHeader64, SHF_COMPRESSED, SectionHeader64};
use object::pod::{Pod, slice_from_bytes};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

const LE: LittleEndian = LittleEndian;

/// A part of the file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Section {
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// The file that some code was loaded from. It is read piecemeal and never mapped: a file that shrinks under a mapping
/// would kill the process.
#[derive(Debug)]
pub(super) struct Image {
    file: File,
    sections: Vec<(String, Section)>,
    /// What is added to the file's addresses where it is loaded.
    bias: u64,
}

impl Image {
    /// The image whose code is at the address.
    pub(super) fn of_code_at(address: u64) -> Result<Self, Unavailable> {
        let mapping = Mapping::at(address)
            .map_err(|error| {
                cannot_be_had(
                    error,
                    "/proc/self/maps can't be read here; mount /proc, or let the process read it",
                )
            })?
            .ok_or_else(|| Unavailable::new("/proc/self/maps does not list the code that runs"))?;
        let file = mapping.open().map_err(|error| {
            cannot_be_had(
                error,
                "the binary that runs is not on disk any more: it was rebuilt meanwhile; run it again",
            )
        })?;
        Self::read(file, &mapping).unwrap_or_else(|| {
            Err(Unavailable::new(
                "the binary is not as ELF files are; please report it, with how it was linked",
            ))
        })
    }

    fn read(file: File, mapping: &Mapping) -> Option<Result<Self, Unavailable>> {
        let header: FileHeader64<LittleEndian> = *array(&file, 0, 1)?.first()?;
        if header.e_ident.magic != object::elf::ELFMAG
            || header.e_ident.class != object::elf::ELFCLASS64
        {
            return None;
        }
        let segments: Vec<ProgramHeader64<LittleEndian>> =
            array(&file, header.e_phoff.get(LE), header.e_phnum.get(LE).into())?;
        let loaded = segments.iter().find(|segment| {
            let offset = segment.p_offset.get(LE);
            // Pages are as large as the system has them, and no larger than what segments are aligned to.
            let page = segment.p_align.get(LE).max(0x1000);
            // The last page of one segment may be the first of the next: which of them holds code tells.
            segment.p_type.get(LE) == PT_LOAD
                && segment.p_flags.get(LE).0 & PF_X.0 != 0
                && (offset - offset % page..offset + segment.p_filesz.get(LE))
                    .contains(&mapping.offset)
        })?;
        let address = loaded
            .p_vaddr
            .get(LE)
            .wrapping_sub(loaded.p_offset.get(LE))
            .wrapping_add(mapping.offset);
        let bias = mapping.start.wrapping_sub(address);

        let headers: Vec<SectionHeader64<LittleEndian>> =
            array(&file, header.e_shoff.get(LE), header.e_shnum.get(LE).into())?;
        let names = headers.get(usize::from(header.e_shstrndx.get(LE).0))?;
        let names = bytes(
            &file,
            names.sh_offset.get(LE),
            names.sh_size.get(LE) as usize,
        )?;
        let mut sections = Vec::new();
        for section in &headers {
            let name = names.get(section.sh_name.get(LE) as usize..)?;
            let name = name.split(|byte| *byte == 0).next()?;
            let name = String::from_utf8_lossy(name).into_owned();
            let is_compressed = section.sh_flags.get(LE).0 & SHF_COMPRESSED.0 != 0;
            if is_compressed && name.starts_with(".debug_") {
                return Some(Err(Unavailable::new(
                    "the binary's debug info is compressed; link without --compress-debug-sections",
                )));
            }
            let part = Section {
                offset: section.sh_offset.get(LE),
                size: section.sh_size.get(LE),
            };
            sections.push((name, part));
        }
        Some(Ok(Self {
            file,
            sections,
            bias,
        }))
    }

    pub(super) fn section(&self, name: &str) -> Option<Section> {
        self.sections
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, section)| *section)
    }

    /// Bytes of a section.
    pub(super) fn read_in(&self, section: Section, at: u64, length: usize) -> Option<Vec<u8>> {
        let end = at.checked_add(length as u64)?;
        if end > section.size {
            return None;
        }
        bytes(&self.file, section.offset.checked_add(at)?, length)
    }

    /// Where in memory what the file has at an address is.
    pub(super) fn to_memory(&self, address: u64) -> u64 {
        address.wrapping_add(self.bias)
    }

    /// An address in memory as the file's debug info has it.
    pub(super) fn to_file(&self, address: u64) -> u64 {
        address.wrapping_sub(self.bias)
    }
}

fn bytes(file: &File, offset: u64, length: usize) -> Option<Vec<u8>> {
    // A broken header must not make us ask for all memory there is.
    if length as u64 > file.metadata().ok()?.len() {
        return None;
    }
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset).ok()?;
    Some(bytes)
}

fn array<T: Pod + Copy>(file: &File, offset: u64, count: usize) -> Option<Vec<T>> {
    let bytes = bytes(file, offset, count * size_of::<T>())?;
    let (items, _) = slice_from_bytes::<T>(&bytes, count).ok()?;
    Some(items.to_vec())
}

/// One line of `/proc/self/maps`.
#[derive(Debug)]
struct Mapping {
    start: u64,
    is_writable: bool,
    offset: u64,
    inode: u64,
    path: String,
}

/// Why a file was not opened: for good, or because the process or the machine has no means for it just now.
fn cannot_be_had(error: io::Error, for_good: &str) -> Unavailable {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Unavailable::new(for_good),
        _ => Unavailable::now(format!(
            "the binary could not be read at that moment: {error}"
        )),
    }
}

/// Whether what is at an address came out of a file and is never written: no memory that is allocated.
pub(in crate::census) fn is_constant(address: u64) -> bool {
    let mapping = Mapping::at(address).ok().flatten();
    mapping.is_some_and(|mapping| mapping.inode != 0 && !mapping.is_writable)
}

impl Mapping {
    /// None if nothing is there.
    fn at(address: u64) -> io::Result<Option<Self>> {
        let maps = fs::read_to_string("/proc/self/maps")?;
        let mapping = maps.lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let (start, end) = words.next()?.split_once('-')?;
            let start = u64::from_str_radix(start, 16).ok()?;
            let end = u64::from_str_radix(end, 16).ok()?;
            if !(start..end).contains(&address) {
                return None;
            }
            let is_writable = words.next()?.contains('w');
            let offset = u64::from_str_radix(words.next()?, 16).ok()?;
            let inode = words.nth(1)?.parse().ok()?;
            let path = words.collect::<Vec<_>>().join(" ");
            Some(Self {
                start,
                is_writable,
                offset,
                inode,
                path,
            })
        });
        Ok(mapping)
    }

    /// The mapped file itself, and no newer one of its name.
    fn open(&self) -> io::Result<File> {
        let mut why_not = io::Error::from(io::ErrorKind::NotFound);
        for path in ["/proc/self/exe", &self.path] {
            let is_it = |file: &File| {
                file.metadata()
                    .map(|data| data.ino() == self.inode && data.is_file())
            };
            match File::open(path).and_then(|file| Ok((is_it(&file)?, file))) {
                Ok((true, file)) => return Ok(file),
                Ok((false, _)) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => why_not = error,
            }
        }
        Err(why_not)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_allocated_is_not_constant() {
        static CONSTANT: [u64; 64] = [7; 64];
        let address = |words: &[u64]| words.as_ptr().addr() as u64;
        assert!(is_constant(address(&CONSTANT)));
        assert!(!is_constant(address(&vec![7; 64])));
        let mut on_the_stack = [7; 64];
        on_the_stack[0] += 1;
        assert!(!is_constant(address(&on_the_stack)));
        assert!(!is_constant(8));
    }

    #[test]
    fn only_what_stays_so_is_said_for_good() {
        let why = |kind: io::ErrorKind| cannot_be_had(kind.into(), "gone");
        assert_eq!(why(io::ErrorKind::NotFound), Unavailable::new("gone"));
        assert!(!why(io::ErrorKind::NotFound).is_passing());
        assert!(why(io::ErrorKind::OutOfMemory).is_passing());
    }
}
